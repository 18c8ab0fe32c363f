import Synchronization

/// Wakes waiting requests when spans have been stored. The requests have to search for what changed.
final class ChangeSignal: Sendable {
  private struct State {
    var count: UInt64 = 0
    var isEnded = false
    var nextWaiter: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var reservations = 0
  }

  private let state = Mutex(State())
  /// The largest number of waiting requests.
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// How often spans have been stored since the start.
  var count: UInt64 { state.withLock { $0.count } }

  /// Whether ``end()`` has been called.
  var isEnded: Bool { state.withLock { $0.isEnded } }

  var waiterCount: Int { state.withLock { $0.waiters.count } }

  /// Wakes all waiters, because spans have been stored.
  func send() { wake { $0.count &+= 1 } }

  /// Wakes all waiters. From now on nobody waits.
  func end() { wake { $0.isEnded = true } }

  private func wake(_ change: (inout State) -> Void) {
    let waiters = state.withLock { state in
      change(&state)
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Reserves a place for a waiter, which ``leave()`` releases; false if all places are taken.
  func enter() -> Bool {
    state.withLock { state in
      guard !state.isEnded, state.reservations < limit else { return false }
      state.reservations += 1
      return true
    }
  }

  func leave() { state.withLock { $0.reservations -= 1 } }

  /// Waits until ``count`` differs from a count, the deadline has passed, ``end()`` is called, or the task is cancelled.
  func wait(after count: UInt64, until deadline: ContinuousClock.Instant) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.wait(after: count) }
      group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Waits for a time, or until ``end()`` is called or the task is cancelled.
  func pause(for duration: Duration) async {
    let deadline = ContinuousClock.now.advanced(by: duration)
    while !isEnded, !Task.isCancelled, ContinuousClock.now < deadline {
      await wait(after: count, until: deadline)
    }
  }

  private func wait(after count: UInt64) async {
    let number = state.withLock { state in
      state.nextWaiter &+= 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.isEnded || state.count != count || Task.isCancelled { return true }
          state.waiters[number] = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
      waiter?.resume()
    }
  }
}
