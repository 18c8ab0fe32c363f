import NIOCore

/// A budget for events that are normal when they are few: a number at once, which refills with time and with useful work.
struct Allowance {
  /// The most events at once.
  let burst: Int
  /// How many more there may be for each second that passes.
  let perSecond: Double
  private var left: Double
  private var since: NIODeadline?

  init(burst: Int, perSecond: Double) {
    self.burst = burst
    self.perSecond = perSecond
    left = Double(burst)
  }

  /// Takes one event; false if none is left.
  mutating func take(at now: NIODeadline) -> Bool {
    refill(at: now)
    guard left >= 1 else { return false }
    left -= 1
    return true
  }

  /// Takes one event, also one that is not there yet.
  ///
  /// - Returns: how long to wait for it.
  mutating func borrow(at now: NIODeadline) -> Duration {
    refill(at: now)
    left -= 1
    return left >= 0 ? .zero : .seconds(-left / perSecond)
  }

  /// Adds events for useful work, up to the most at once.
  mutating func earn(_ count: Double) { left = min(Double(burst), left + count) }

  private mutating func refill(at now: NIODeadline) {
    if let since, now > since { earn(Double((now - since).nanoseconds) / 1e9 * perSecond) }
    since = max(since ?? now, now)
  }
}
