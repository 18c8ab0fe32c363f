/// The waits between attempts to connect: exponential backoff with jitter.
struct ReconnectSchedule: Sendable {
  private let minimum: Duration
  private let maximum: Duration
  /// The maximum of the next wait.
  private var interval: Duration

  init(minimum: Duration, maximum: Duration) {
    self.minimum = min(minimum, maximum)
    self.maximum = maximum
    interval = self.minimum
  }

  /// An attempt has failed.
  ///
  /// - Parameter share: a random number from 0 to 1.
  /// - Returns: the wait, between half of the current interval and all of it.
  mutating func failed(_ share: Double) -> Duration {
    let wait = interval * (0.5 + 0.5 * min(max(share, 0), 1))
    interval = min(interval * 2, maximum)
    return wait
  }

  /// An attempt has succeeded.
  mutating func succeeded() { interval = minimum }
}
