public import MeshModel

/// The clock of a store. Every reading is at least a nanosecond later than the one before, even when the wall clock is set back a
/// little, so two creations never share a time and times never go backwards.
///
/// If the wall clock is behind by more than ``tolerance``, it was wrong before and has been corrected: the store follows it at
/// once. Otherwise every write would carry a time in the future until the wall clock catches up.
public struct StoreClock: Sendable {
  /// The source of the current time.
  public typealias Source = @Sendable () -> Timestamp

  /// How far the wall clock may be behind the last reading before the store follows it back, in nanoseconds: five minutes,
  /// more than running machines usually correct their clocks by.
  static let tolerance: Int64 = 300_000_000_000

  private let source: Source
  /// The last reading.
  public private(set) var last: Timestamp

  /// Creates a clock that continues after the last reading of an earlier one.
  public init(source: @escaping Source = StoreClock.wallClock, last: Timestamp = Timestamp(seconds: 0)) {
    self.source = source
    self.last = last
  }

  /// The next reading.
  public mutating func tick() -> Timestamp {
    let earliest = last.nanosecondsSince1970.addingReportingOverflow(1)
    let now = source().nanosecondsSince1970
    let behind = last.nanosecondsSince1970.subtractingReportingOverflow(now)
    let hasComeBack = now < last.nanosecondsSince1970 && (behind.overflow || behind.partialValue > Self.tolerance)
    last = Timestamp(
      nanosecondsSince1970: hasComeBack ? now : earliest.overflow ? .max : max(now, earliest.partialValue))
    return last
  }

  /// The creation time of a resource that is written at a given time: the known one, but never later than the write. A
  /// creation time from a clock that was ahead is corrected by the next write.
  package static func creation(_ known: Timestamp?, writtenAt time: Timestamp) -> Timestamp {
    min(known ?? time, time)
  }

  /// The computer's clock.
  public static let wallClock: Source = { .now }
}
