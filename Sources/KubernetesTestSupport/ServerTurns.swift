/// Turns for servers of a test's own, given to those that wait in their order: each takes half a gigabyte, and a processor while
/// it starts.
actor ServerTurns {
  static let shared = ServerTurns(count: 1)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(count: Int) { free = count }

  func take() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func giveBack() {
    guard !waiting.isEmpty else {
      free += 1
      return
    }
    waiting.removeFirst().resume()
  }
}

/// A turn that was taken, and that is given back when its last owner goes.
final class ServerTurn: Sendable {
  /// Waits for a turn.
  static func take() async -> ServerTurn {
    await ServerTurns.shared.take()
    return ServerTurn()
  }

  private init() {}

  deinit { Task { await ServerTurns.shared.giveBack() } }
}
