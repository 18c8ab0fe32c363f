import Foundation

/// Turns, given to those that wait in their order.
package actor Turns {
  /// The one turn of tests that keep a processor busy.
  static let heavy = Turns(count: 1)
  /// The one turn of long tests with a cluster of their own.
  static let cluster = Turns(count: 1)
  /// The turns of tests that run programs.
  static let few = Turns(count: 2 * ProcessInfo.processInfo.activeProcessorCount)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Turns of which so many are taken at a time.
  package init(count: Int) { free = count }

  /// Waits for a turn.
  package func take() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  /// Gives a turn back that was taken.
  package func giveBack() {
    guard !waiting.isEmpty else {
      free += 1
      return
    }
    waiting.removeFirst().resume()
  }
}
