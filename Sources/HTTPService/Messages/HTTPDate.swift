import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// The format of `Date`: `Sun, 06 Nov 1994 08:49:37 GMT` (https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7).
enum HTTPDate {
  private static let last = Mutex<(second: Int, text: String)>((0, ""))

  /// The current time.
  static var now: String {
    let second = time(nil)
    return last.withLock { last in
      if last.second != second { last = (second, text(second)) }
      return last.text
    }
  }

  /// A time.
  ///
  /// - Parameter second: seconds since 1970.
  static func text(_ second: Int) -> String {
    var second = second
    var parts = tm()
    guard gmtime_r(&second, &parts) != nil else { return "" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard days.indices.contains(Int(parts.tm_wday)), months.indices.contains(Int(parts.tm_mon)) else { return "" }
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return
      "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(Int(parts.tm_year) + 1900) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }
}
