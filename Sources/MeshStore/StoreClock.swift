public import MeshModel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The clock of a store: every reading is later than the one before, by a nanosecond at least, also when the wall clock is
/// put back a little. So two creations never share a time, and no time is before an earlier one.
///
/// A wall clock that is further behind than ``tolerance`` has come back from a time that was wrong: then its time counts
/// again at once. Otherwise everything that is written would bear a time in the future, for as long as the leap was wide.
public struct StoreClock: Sendable {
  /// Where the present time comes from.
  public typealias Source = @Sendable () -> Timestamp

  /// How far behind the last reading the wall clock is followed with later readings, in nanoseconds: five minutes, more
  /// than machines correct their clocks by while they run.
  static let tolerance: Int64 = 300_000_000_000

  private let source: Source
  /// The last reading.
  public private(set) var last: Timestamp

  /// Makes a clock that goes on where an earlier one had come to.
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

  /// When a resource was created that is written at some time: as it is known, but never later than the write. A creation
  /// while the wall clock was ahead is set right with the next write.
  package static func creation(_ known: Timestamp?, writtenAt time: Timestamp) -> Timestamp {
    min(known ?? time, time)
  }

  /// The computer's clock.
  public static let wallClock: Source = {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return Timestamp(seconds: 0) }
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
  }
}

extension Timestamp {
  /// The wall clock's time.
  package static var now: Timestamp { StoreClock.wallClock() }
}
