/// How many requests a commit waits for, so that requests that come one after the other share commits.
///
/// A commit costs much more than a request. Without waiting, senders that were answered together would not share the next commit: the
/// first of their requests would have a commit for itself, and the others would wait for the one after it.
///
/// A value without a clock.
struct CommitPace {
  /// The longest time from the end of a commit to the begin of the next one, which bounds what waiting can cost a request.
  static let longestPause = Duration.milliseconds(10)

  /// How many requests the last two commits stored.
  private var counts = (0, 0)
  private var lastEnd: ContinuousClock.Instant?
  /// How many requests the waiting commit waits for; nil if no commit waits.
  private var target: Int?

  /// Records a commit.
  ///
  /// - Parameter end: when it was done.
  mutating func committed(_ count: Int, at end: ContinuousClock.Instant) {
    counts = (counts.1, count)
    lastEnd = end
  }

  /// Begins to wait until there are as many requests as the last commits had. A single sender that waits for each answer never waits for
  /// others.
  ///
  /// - Parameter count: the number of requests that are there.
  /// - Returns: how long the commit may wait; nil if it should begin.
  mutating func wait(with count: Int, at now: ContinuousClock.Instant) -> Duration? {
    let enough = max(counts.0, counts.1)
    guard let lastEnd, count < enough else { return nil }
    let pause = Self.longestPause - (now - lastEnd)
    guard pause > .zero else { return nil }
    target = enough
    return pause
  }

  /// Whether a commit waits for as many requests, which then need not be told again.
  mutating func isEnough(_ count: Int) -> Bool {
    guard let target, count >= target else { return false }
    self.target = nil
    return true
  }

  /// Ends the waiting.
  mutating func endWait() { target = nil }
}
