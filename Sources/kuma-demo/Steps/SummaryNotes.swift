import Synchronization

/// The summary of a run, as far as it has come.
final class SummaryNotes: Sendable {
  private let collected = Mutex(DemoSummary())
  private let start = ContinuousClock.now

  /// What is known so far.
  var summary: DemoSummary { collected.withLock { $0 } }

  /// Seconds since the demo was started.
  var secondsSinceStart: Double { (ContinuousClock.now - start).secondsRounded }

  /// Notes something.
  func note(_ change: @Sendable (inout DemoSummary) -> Void) { collected.withLock { change(&$0) } }
}
