import Glibc
import MeshModel

/// Times as tables show them. Source: Kuma 2.7.
enum Age {
  /// The time now, in whole seconds.
  static var now: Timestamp { Timestamp(seconds: Int64(time(nil))) }

  /// How long ago a time was, in its largest whole unit; `never` when there is none or it is to come.
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
