#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A clock, replaceable in tests.
public struct WallClock: Sendable {
  /// The current time in milliseconds; for a time of day, since 1970.
  public let milliseconds: @Sendable () -> Int64

  /// Creates a clock from a function.
  public init(milliseconds: @escaping @Sendable () -> Int64) { self.milliseconds = milliseconds }

  /// The system's time of day.
  public static let system = WallClock { read(CLOCK_REALTIME) }

  /// The time since the machine booted, including sleep. It cannot be set.
  public static let steady = WallClock { read(CLOCK_BOOTTIME) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var now = timespec()
    guard clock_gettime(clock, &now) == 0 else { return 0 }
    return Int64(now.tv_sec) &* 1_000 &+ Int64(now.tv_nsec) / 1_000_000
  }
}
