import Synchronization

/// Limits how many tasks run something at a time. Other tasks wait in the order of their arrival.
public final class ConcurrencyLimit: Sendable {
  private struct State {
    var active = 0
    var peak = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    var next = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  /// - Parameter limit: how many tasks may run at a time.
  public init(_ limit: Int) { self.limit = max(1, limit) }

  /// The most tasks that ran at a time.
  public var peak: Int { state.withLock { $0.peak } }

  /// Waits until fewer tasks than the limit run, then runs a function.
  public func run<Value>(_ body: @Sendable () async -> Value) async -> Value {
    await enter()
    defer { leave() }
    return await body()
  }

  private func enter() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.active < limit else {
          state.waiting.append(continuation)
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
      guard state.next < state.waiting.count else {
        state.active -= 1
        return nil
      }
      defer {
        state.next += 1
        if state.next == state.waiting.count { (state.waiting, state.next) = ([], 0) }
      }
      return state.waiting[state.next]
    }
    next?.resume()
  }
}
