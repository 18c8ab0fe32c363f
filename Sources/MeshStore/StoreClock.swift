public import MeshModel

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The clock of a store: every reading is later than the one before, by a nanosecond at least, whatever the wall clock
/// does. So two creations never share a time, and no time is before an earlier one.
public struct StoreClock: Sendable {
  /// Where the present time comes from.
  public typealias Source = @Sendable () -> Timestamp

  private let source: Source
  /// The last reading.
  public private(set) var last: Timestamp

  /// Makes a clock whose first reading is later than `last`.
  public init(source: @escaping Source = StoreClock.wallClock, last: Timestamp = Timestamp(seconds: 0)) {
    self.source = source
    self.last = last
  }

  /// The next reading.
  public mutating func tick() -> Timestamp {
    let earliest = last.nanosecondsSince1970.addingReportingOverflow(1)
    let now = source().nanosecondsSince1970
    last = Timestamp(nanosecondsSince1970: earliest.overflow ? .max : max(now, earliest.partialValue))
    return last
  }

  /// The computer's clock.
  public static let wallClock: Source = {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return Timestamp(seconds: 0) }
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
  }
}
