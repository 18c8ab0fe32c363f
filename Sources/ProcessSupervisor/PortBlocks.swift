import Synchronization

/// The ports that this process chooses from, in blocks that it has to itself among all processes that choose so.
///
/// Until a server listens, and while it restarts, another process could find its port free, and the test whether a port is free
/// can itself make the server fail. So each process reserves names in the system's abstract namespace of sockets, which the
/// system clears when a process ends in any way. One name reserves several ports, as each name costs a descriptor.
enum PortBlocks {
  /// Below the range from which Linux takes the ports of outgoing connections, one of which could come in between.
  static let range = 20_000..<32_000
  private static let size = 20

  private struct State {
    /// The ports of the block in use that were not handed out yet.
    var rest = 0..<0
    /// Blocks that were not tried yet, in the order in which they will be.
    var untried = Array(0..<range.count / size).shuffled()
    /// What holds the names, until the process ends.
    var held: [AbstractName] = []
  }
  private static let state = Mutex(State())

  /// A port that was never handed out in this process; `nil` when there is none.
  static func next() -> Int? {
    state.withLock { state in
      while state.rest.isEmpty {
        guard let block = state.untried.popLast() else { return nil }
        guard let name = AbstractName("kuma-trace/ports/\(block)") else { continue }
        state.held.append(name)
        let first = range.lowerBound + block * size
        state.rest = first..<first + size
      }
      return state.rest.removeFirst()
    }
  }
}
