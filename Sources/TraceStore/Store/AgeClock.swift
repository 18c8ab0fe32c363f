/// The time of day by which retention counts ages: it follows the clock, but a leap only after that has lasted an hour.
///
/// So a clock that leaps and comes back changes nothing. Until a leap has been followed, nothing is old enough to go; nor
/// is it in the first hour after a start that seems to come too late or too early for what the store holds.
struct AgeClock: Sendable {
  /// The present.
  struct Reading: Sendable, Equatable {
    /// In milliseconds since 1970.
    var now: Int64
    /// Whether ages may be counted by it.
    var isTrusted: Bool
    /// How far the clock has leapt, if that is followed with this reading: what came since ``AgeClock/start`` came so much
    /// later, or earlier.
    var leap: Int64
  }

  /// Up to how many milliseconds the clock is followed at once.
  static let tolerance: Int64 = 60_000
  /// How many milliseconds a leap must last.
  static let trial: Int64 = 3_600_000

  /// When it began to count, as it showed it, in milliseconds since 1970.
  private(set) var start: Int64
  /// The time of day less the steady time.
  private var offset: Int64
  /// What that is since a leap, and since when.
  private var doubt: (offset: Int64, since: Int64)?
  /// From when on ages may be counted, in steady time.
  private let trustedFrom: Int64

  /// Makes a clock.
  ///
  /// - Parameters:
  ///   - wall: the time of day, in milliseconds since 1970.
  ///   - steady: the time that has passed since some moment, in milliseconds.
  ///   - isDoubtful: whether the time of day does not seem right.
  init(wall: Int64, steady: Int64, isDoubtful: Bool) {
    start = wall
    offset = wall &- steady
    trustedFrom = isDoubtful ? steady &+ Self.trial : steady
  }

  /// The present without following a leap, in milliseconds since 1970.
  func now(steady: Int64) -> Int64 { steady &+ offset }

  /// Follows the time of day.
  mutating func read(wall: Int64, steady: Int64) -> Reading {
    let present = wall &- steady
    var leap: Int64 = 0
    if Self.isNear(present, offset) {
      offset = present
      doubt = nil
    } else if let begun = doubt, Self.isNear(present, begun.offset) {
      if steady &- begun.since >= Self.trial {
        leap = present &- offset
        start = start &+ leap
        offset = present
        doubt = nil
      }
    } else {
      doubt = (present, steady)
    }
    return Reading(now: steady &+ offset, isTrusted: doubt == nil && steady >= trustedFrom, leap: leap)
  }

  private static func isNear(_ first: Int64, _ second: Int64) -> Bool {
    let difference = first.subtractingReportingOverflow(second)
    return !difference.overflow && difference.partialValue.magnitude <= UInt64(tolerance)
  }
}
