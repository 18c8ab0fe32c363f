/// Which periods of a source are asked for, the oldest first, as a value: shorter ones where a source has more traces than it
/// answers at once, longer ones where it has few.
///
/// Periods share their ends. Sources compare times of different resolutions, so that periods beside each other would leave gaps.
struct ImportPeriods: Sendable, Hashable {
  /// A period, in milliseconds since 1970, both ends included.
  struct Period: Sendable, Hashable {
    var start: Int64
    var end: Int64

    /// The two halves; nil if it cannot be shorter.
    var halves: (Period, Period)? {
      guard end - start >= 2 else { return nil }
      let middle = start + (end - start) / 2
      return (Period(start: start, end: middle), Period(start: middle, end: end))
    }
  }

  /// The length of the first period.
  static let firstLength: Int64 = 3_600_000
  /// The longest period.
  private static let maximum: Int64 = 24 * 3_600_000

  /// All before this is done.
  private(set) var position: Int64
  /// The end of the last period.
  let end: Int64
  /// The length of the next period.
  private(set) var length: Int64

  init(from start: Int64, to end: Int64, length: Int64 = firstLength) {
    position = start
    self.end = end
    self.length = min(max(length, 1), Self.maximum)
  }

  /// The next period; nil if all is done.
  var next: Period? {
    position < end ? Period(start: position, end: end - position > length ? position + length : end) : nil
  }

  /// A period is done.
  ///
  /// - Parameters:
  ///   - wasSplit: whether the source had more in it than it answers at once.
  ///   - hasFew: whether it had so few that a longer one would do.
  mutating func finish(_ period: Period, wasSplit: Bool, hasFew: Bool) {
    position = max(position, period.end)
    if wasSplit {
      length = max(1, length / 2)
    } else if hasFew {
      length = min(length * 2, Self.maximum)
    }
  }
}
