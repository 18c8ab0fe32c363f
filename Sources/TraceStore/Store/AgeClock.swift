/// The time of day by which retention computes ages. It follows the wall clock, but accepts a jump only after an hour.
///
/// A clock that jumps and jumps back therefore changes nothing. Until a jump is accepted, retention deletes nothing by age. The same
/// holds for the first hour after a start whose time does not fit the stored spans.
struct AgeClock: Sendable {
  /// The current time.
  struct Reading: Sendable, Equatable {
    /// In milliseconds since 1970.
    var now: Int64
    /// Whether retention may compute ages from it.
    var isTrusted: Bool
    /// How far the clock jumped, if this reading accepts a jump: the receive times since ``AgeClock/start`` are wrong by this much.
    var jump: Int64
  }

  /// Changes up to this number of milliseconds are accepted immediately.
  static let tolerance: Int64 = 60_000
  /// A jump is accepted after this number of milliseconds.
  static let probation: Int64 = 3_600_000

  /// The time of day when the clock was made, in milliseconds since 1970.
  private(set) var start: Int64
  /// The time of day minus the steady time.
  private var offset: Int64
  /// The offset after a jump that is not accepted yet, and the steady time of the jump.
  private var pending: (offset: Int64, since: Int64)?
  /// The steady time from which readings are trusted.
  private let trustedFrom: Int64

  /// Makes a clock.
  ///
  /// - Parameters:
  ///   - wall: the time of day, in milliseconds since 1970.
  ///   - steady: the time of a clock that never jumps, in milliseconds.
  ///   - isSuspect: whether the time of day does not fit the stored spans.
  init(wall: Int64, steady: Int64, isSuspect: Bool) {
    start = wall
    offset = wall &- steady
    trustedFrom = isSuspect ? steady &+ Self.probation : steady
  }

  /// The current time without accepting a jump, in milliseconds since 1970.
  func now(steady: Int64) -> Int64 { steady &+ offset }

  /// Reads both clocks and accepts a jump that has lasted long enough.
  mutating func read(wall: Int64, steady: Int64) -> Reading {
    let present = wall &- steady
    var jump: Int64 = 0
    if Self.isNear(present, offset) {
      offset = present
      pending = nil
    } else if let begun = pending, Self.isNear(present, begun.offset) {
      if steady &- begun.since >= Self.probation {
        jump = present &- offset
        start = start &+ jump
        offset = present
        pending = nil
      }
    } else {
      pending = (present, steady)
    }
    return Reading(now: steady &+ offset, isTrusted: pending == nil && steady >= trustedFrom, jump: jump)
  }

  private static func isNear(_ first: Int64, _ second: Int64) -> Bool {
    let difference = first.subtractingReportingOverflow(second)
    return !difference.overflow && difference.partialValue.magnitude <= UInt64(tolerance)
  }
}
