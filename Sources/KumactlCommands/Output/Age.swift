import Glibc
import MeshModel

/// Ages in tables. Source: Kuma 2.7.
enum Age {
  /// The time now, in whole seconds.
  static var now: Timestamp { Timestamp(seconds: Int64(time(nil))) }

  /// The age of a time, in its largest whole unit; `never` if there is none or it is in the future.
  static func text(since time: Timestamp?, now: Timestamp) -> String {
    guard let time, time.seconds > -62_135_596_800 else { return "never" }
    let elapsed = now.secondsSince(time)
    guard elapsed >= -1 else { return "never" }
    let seconds = Int64(max(0, min(elapsed, 1e15)))
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m"
    case ..<86_400: return "\(seconds / 3600)h"
    case ..<31_536_000: return "\(seconds / 86_400)d"
    default: return "\(seconds / 31_536_000)y"
    }
  }
}
