import Notifications
import Synchronization

/// Notifies subscribers that a store is back. A slow subscriber is notified once.
package final class ReturnSignal: Sendable {
  private let hasBegun = Mutex(false)
  private let returns = Broadcast<Void>()

  package init() {}

  /// A new subscription.
  package func stream() -> AsyncStream<Void> { returns.stream() }

  /// The content is up to date; the first time does not count as a return.
  package func signal() {
    hasBegun.withLock { hasBegun in
      if hasBegun { returns.send() }
      hasBegun = true
    }
  }

  /// Ends every subscription.
  package func finish() { returns.finish() }
}
