import Synchronization

/// The requests that are being answered. A server waits for them before its threads end. A request continues when its connection is
/// closed, and is cancelled when its server is cancelled.
final class RunningRequests: Sendable {
  private struct State {
    var tasks: [UInt64: Task<Void, Never>?] = [:]
    var last: UInt64 = 0
    var isCancelled = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// How many requests are being answered.
  var count: Int { state.withLock { $0.tasks.count } }

  /// Runs the answer to a request, on an executor or on the threads that all tasks share.
  func run(on executor: (any TaskExecutor)?, _ body: @escaping @Sendable () async -> Void) {
    let number = state.withLock { state in
      state.last &+= 1
      state.tasks[state.last] = .some(nil)
      return state.last
    }
    let task = Task(executorPreference: executor) {
      await body()
      self.end(number)
    }
    let isCancelled = state.withLock { state in
      // The task may have ended already.
      if state.tasks[number] != nil { state.tasks[number] = task }
      return state.isCancelled
    }
    if isCancelled { task.cancel() }
  }

  private func end(_ number: UInt64) {
    let waiting = state.withLock { state in
      state.tasks[number] = nil
      guard state.tasks.isEmpty else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Cancels all running requests, and all that begin from now on.
  func cancel() {
    let tasks = state.withLock { state in
      state.isCancelled = true
      return state.tasks.values.compactMap(\.self)
    }
    for task in tasks { task.cancel() }
  }

  /// Waits until no request is running.
  func drained() async {
    await withCheckedContinuation { continuation in
      let isNone = state.withLock { state in
        if !state.tasks.isEmpty { state.waiting.append(continuation) }
        return state.tasks.isEmpty
      }
      if isNone { continuation.resume() }
    }
  }
}
