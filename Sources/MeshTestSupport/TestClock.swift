public import MeshModel
import Synchronization

/// A wall clock that shows what a test sets it to.
public final class TestClock: Sendable {
  private let time: Mutex<Timestamp>

  /// Makes a clock.
  public init(_ time: Timestamp = Timestamp(seconds: 1_700_000_000)) { self.time = Mutex(time) }

  /// What it shows.
  public var now: Timestamp { time.withLock { $0 } }

  /// Sets it.
  public func set(_ time: Timestamp) { self.time.withLock { $0 = time } }
}
