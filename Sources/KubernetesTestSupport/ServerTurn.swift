import TestSupport

/// A turn for a server of a test's own, given back when its last owner goes. A server takes half a gigabyte, and a processor while it
/// starts. Two run at a time: that of a test that keeps a processor busy, and that of one that waits half of the time.
package final class ServerTurn: Sendable {
  private static let turns = Turns(count: 2)

  /// Waits for a turn; it lasts as long as what is returned.
  package static func take() async -> ServerTurn {
    await Self.turns.take()
    return ServerTurn()
  }

  private init() {}

  deinit { Task { [turns = Self.turns] in await turns.giveBack() } }
}
