import Synchronization

/// The request that the program ends in order. It is remembered: whoever asks what it is later learns it, too, so that no moment
/// between the start and the services is without somebody who hears a signal.
final class EndRequest: Sendable {
  private struct State {
    var isMade = false
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())

  /// Asks the program to end. Further requests change nothing.
  func make() {
    let handlers = state.withLock { state in
      state.isMade = true
      defer { state.handlers = [] }
      return state.handlers
    }
    for handler in handlers { handler() }
  }

  /// Waits until the request is made, or until the task is cancelled.
  ///
  /// - Returns: whether it is made.
  func wait() async -> Bool {
    let (made, continuation) = AsyncStream<Void>.makeStream()
    let isMade = state.withLock { state in
      if !state.isMade { state.handlers.append { continuation.finish() } }
      return state.isMade
    }
    guard !isMade else { return true }
    for await _ in made {}
    return state.withLock { $0.isMade }
  }
}
