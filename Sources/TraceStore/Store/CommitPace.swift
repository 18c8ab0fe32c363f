/// How long a commit waits for more requests.
///
/// Senders that have got their answers together send their next requests at nearly the same time. Without a pause, the first of these
/// requests would have a commit for itself, and the others would wait for the next one: twice as many commits as needed.
///
/// A value without a clock.
struct CommitPace {
  /// The longest pause. It bounds what a request can lose.
  static let longestPause = Duration.milliseconds(2)

  /// How many requests the last commit stored.
  private var lastCount = 0
  private var lastDuration = Duration.zero
  private var lastEnd: ContinuousClock.Instant?

  /// Records a commit.
  mutating func committed(_ count: Int, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant) {
    lastCount = count
    lastDuration = end - start
    lastEnd = end
  }

  /// How long the next commit should wait: until as much time has passed since the last commit as that took itself. A single sender
  /// that waits for each answer never has to wait.
  ///
  /// - Parameter count: the number of waiting requests.
  func pause(before count: Int, at now: ContinuousClock.Instant) -> Duration {
    guard let lastEnd, max(count, lastCount) > 1 else { return .zero }
    return max(.zero, min(lastDuration, Self.longestPause) - (now - lastEnd))
  }
}
