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

  /// - Parameter patience: how long a failure counts before a trial write is made. A trial is small and may succeed where
  ///   larger writes still fail.
  init(patience: Duration, report: @escaping @Sendable (String?) -> Void) {
    self.patience = patience
    self.report = report
  }

  /// Why the last write failed; nil if it succeeded.
  var failure: String? { state.withLock { $0.failure } }

  /// Whether the last write failed so long ago that a trial write is worth its cost.
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
