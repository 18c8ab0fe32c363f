#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The time of day, replaceable in tests.
public struct WallClock: Sendable {
  /// The present moment in milliseconds since 1970.
  public let milliseconds: @Sendable () -> Int64

  /// Makes a clock that asks a function.
  public init(milliseconds: @escaping @Sendable () -> Int64) { self.milliseconds = milliseconds }

  /// The system's clock.
  public static let system = WallClock {
    var now = timespec()
    guard clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return Int64(now.tv_sec) &* 1_000 &+ Int64(now.tv_nsec) / 1_000_000
  }
}
