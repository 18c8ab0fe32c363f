import Synchronization

/// Sends elements to all subscribers. A slow one gets the newest element alone.
package final class Broadcast<Element: Sendable>: Sendable {
  private struct State {
    var subscribers: [UInt64: AsyncStream<Element>.Continuation] = [:]
    var last: UInt64 = 0
    var isFinished = false
  }

  private let state = Mutex(State())

  /// Makes a broadcast without subscribers.
  package init() {}

  /// A new subscription to the elements from now on.
  ///
  /// - Parameter first: an element that only this subscriber gets, before all others; `nil` for none.
  package func stream(first: Element? = nil) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream<Element>.makeStream(bufferingPolicy: .bufferingNewest(1))
    let number: UInt64? = state.withLock { state in
      if let first { continuation.yield(first) }
      guard !state.isFinished else { return nil }
      state.last += 1
      state.subscribers[state.last] = continuation
      return state.last
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
    }
    return stream
  }

  /// Sends an element.
  package func send(_ element: Element) {
    state.withLock { state in
      for subscriber in state.subscribers.values { subscriber.yield(element) }
    }
  }

  /// Ends every subscription, also those to come.
  package func finish() {
    let subscribers = state.withLock { state in
      state.isFinished = true
      defer { state.subscribers = [:] }
      return Array(state.subscribers.values)
    }
    for subscriber in subscribers { subscriber.finish() }
  }
}

extension Broadcast<Void> {
  /// Tells that something has changed.
  package func send() { send(()) }
}
