/// The waits between attempts that fail: exponential backoff with jitter.
package struct BackoffSchedule: Sendable {
  private let minimum: Duration
  private let maximum: Duration
  /// The maximum of the next wait.
  private var interval: Duration

  /// Waits from a minimum, which doubles with every failure, up to a maximum.
  package init(minimum: Duration, maximum: Duration) {
    self.minimum = min(minimum, maximum)
    self.maximum = maximum
    interval = self.minimum
  }

  /// An attempt has failed.
  ///
  /// - Parameter share: a random number from 0 to 1.
  /// - Returns: the wait, between half of the current interval and all of it.
  package mutating func failed(_ share: Double) -> Duration {
    let wait = interval * (0.5 + 0.5 * min(max(share, 0), 1))
    interval = min(interval * 2, maximum)
    return wait
  }

  /// An attempt has succeeded: the next wait is a short one again.
  package mutating func succeeded() { interval = minimum }
}
