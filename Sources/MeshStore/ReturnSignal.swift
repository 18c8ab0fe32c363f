import Synchronization

/// Notifies subscribers that a store is back. A slow subscriber is notified once.
package final class ReturnSignal: Sendable {
  private struct State {
    var hasBegun = false
    var isFinished = false
    var listeners: [AsyncStream<Void>.Continuation] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// A new subscription.
  package func stream() -> AsyncStream<Void> {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let isFinished = state.withLock { state in
      if !state.isFinished { state.listeners.append(continuation) }
      return state.isFinished
    }
    if isFinished { continuation.finish() }
    return stream
  }

  /// The content is up to date; the first time does not count as a return.
  package func signal() {
    state.withLock { state in
      if state.hasBegun { for listener in state.listeners { listener.yield() } }
      state.hasBegun = true
    }
  }

  /// Ends every subscription.
  package func finish() {
    let listeners = state.withLock { state in
      state.isFinished = true
      defer { state.listeners = [] }
      return state.listeners
    }
    for listener in listeners { listener.finish() }
  }
}
