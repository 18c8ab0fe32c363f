/// The times of traces.
public enum TraceTimes {
  /// The start of a trace: that of its first span without a parent, or else that of the first span with a start.
  package static func timestamp(of spans: [Span]) -> Int64? {
    var first: Int64?
    for span in spans where span.timestamp > 0 {
      if span.isRoot { return span.timestamp }
      first = min(first ?? .max, span.timestamp)
    }
    return first
  }

  /// The time from the first start to the last end, in microseconds since 1970; zero if no span has a start.
  @inlinable public static func extent(of spans: some Sequence<Span>) -> (start: Int64, length: Int64) {
    var start = Int64.max
    var end: Int64 = 0
    for span in spans where span.timestamp > 0 {
      start = min(start, span.timestamp)
      end = max(end, span.end)
    }
    return start == .max ? (0, 0) : (start, max(0, end &- start))
  }
}
