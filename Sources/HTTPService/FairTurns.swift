import Synchronization

/// Limits how many tasks run something at a time. Other tasks wait: clients take turns, and the tasks of one client go in the order of
/// their arrival, so that a client with many of them delays its own.
package final class FairTurns: Sendable {
  private struct State {
    var active = 0
    var peak = 0
    var waiting = FairQueue<ClientKey, CheckedContinuation<Void, Never>>()
  }

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how many tasks may run at a time.
  package init(_ limit: Int) { self.limit = max(1, limit) }

  /// The most tasks that ran at a time.
  package var peak: Int { state.withLock { $0.peak } }

  /// How many tasks wait.
  package var waitingCount: Int { state.withLock { $0.waiting.count } }

  /// Waits until fewer tasks than the limit run, then runs a function.
  ///
  /// - Parameter client: for whom.
  package func run<Value>(for client: ClientKey = .machine, _ body: @Sendable () async -> Value) async -> Value {
    await enter(client)
    defer { leave() }
    return await body()
  }

  private func enter(_ client: ClientKey) async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.active < limit else {
          state.waiting.add(continuation, of: client)
          return false
        }
        state.active += 1
        state.peak = max(state.peak, state.active)
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  private func leave() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      let next = state.waiting.next()
      if next == nil { state.active -= 1 }
      return next
    }
    next?.resume()
  }
}
