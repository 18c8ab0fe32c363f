import Synchronization

/// Whether the last write to a database succeeded.
final class WritingState: Sendable {
  private struct State {
    var failure: String?
    var failedAt = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let patience: Duration
  private let report: @Sendable (String?) -> Void

  /// - Parameter patience: how long after a failure a trial may tell more than the failure does. Until then somebody else may
  ///   well write, and what is larger than a trial may fail where that succeeds.
  init(patience: Duration, report: @escaping @Sendable (String?) -> Void) {
    self.patience = patience
    self.report = report
  }

  /// Why the last write failed; nil if it did not.
  var failure: String? { state.withLock { $0.failure } }

  /// Whether the last write failed so long ago that it is not known any more whether the next one would.
  var isWorthATrial: Bool {
    state.withLock { $0.failure != nil && ContinuousClock.now - $0.failedAt > patience }
  }

  func succeeded() {
    let isNew = state.withLock { state in
      defer { state.failure = nil }
      return state.failure != nil
    }
    if isNew { report(nil) }
  }

  func failed(_ message: String) {
    let isNew = state.withLock { state in
      defer { (state.failure, state.failedAt) = (message, .now) }
      return state.failure != message
    }
    if isNew { report(message) }
  }
}
