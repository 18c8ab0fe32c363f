/// How fast requests may follow each other: so many at once, and so many per second after them.
struct RequestBudget: Sendable {
  private let interval: Duration
  private let burst: Int
  /// When the budget is whole again.
  private var full: ContinuousClock.Instant

  /// - Parameters:
  ///   - perSecond: requests per second; at least 0.01 is taken.
  ///   - burst: requests that may go at once; at least 1 is taken.
  init(perSecond: Double, burst: Int, now: ContinuousClock.Instant) {
    interval = .seconds(1) / max(0.01, perSecond.isFinite ? perSecond : 0.01)
    self.burst = max(1, burst)
    full = now
  }

  /// Takes one request.
  ///
  /// - Returns: how long it has to wait.
  mutating func take(now: ContinuousClock.Instant) -> Duration {
    full = max(full, now) + interval
    return max(.zero, full - now - interval * burst)
  }
}
