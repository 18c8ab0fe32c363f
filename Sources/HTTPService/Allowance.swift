/// How often a client may do something that is normal when it is seldom: a number of acts at once, which it gets back one after the
/// other, and for useful work.
///
/// It is one time, when the client will have got everything back (the virtual scheduling algorithm of ITU-T I.371, annex A).
package struct Allowance: Sendable {
  /// The most acts at once.
  package let burst: Int
  /// How long it takes until there is one more.
  package let recovery: Duration
  private var end: ContinuousClock.Instant?

  /// Makes an allowance of which nothing is used.
  package init(burst: Int, recovery: Duration) {
    self.burst = max(1, burst)
    self.recovery = recovery
  }

  /// Makes an allowance of which nothing is used.
  ///
  /// - Parameter perSecond: how many more acts there may be for each second that passes.
  package init(burst: Int, perSecond: Double) {
    self.init(burst: burst, recovery: .nanoseconds(Int64((1e9 / perSecond).rounded())))
  }

  /// How many more acts there may be for each second that passes.
  package var perSecond: Double { Duration.seconds(1) / recovery }

  /// How long to wait before the next act; nil if there is no need.
  package func wait(at now: ContinuousClock.Instant) -> Duration? {
    guard let end else { return nil }
    let excess = (end - now) - recovery * (burst - 1)
    return excess > .zero ? excess : nil
  }

  /// Takes one act, also one that is not there yet.
  ///
  /// - Returns: how long to wait for it.
  @discardableResult
  package mutating func borrow(at now: ContinuousClock.Instant) -> Duration {
    let wait = wait(at: now)
    end = max(end ?? now, now) + recovery
    return wait ?? .zero
  }

  /// Takes one act; false if none is left.
  package mutating func take(at now: ContinuousClock.Instant) -> Bool {
    guard wait(at: now) == nil else { return false }
    borrow(at: now)
    return true
  }

  /// Adds acts for useful work, up to the most at once.
  package mutating func earn(_ count: Double) { end = end.map { $0 - recovery * count } }
}
