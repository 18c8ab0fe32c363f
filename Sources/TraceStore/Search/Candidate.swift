import TraceModel

/// A trace that may match a query, or one that matches and waits to be returned.
struct Candidate: Comparable {
  /// The earliest known start of the trace, in milliseconds since 1970.
  let time: Int64
  let trace: UInt64
  /// The spans, if the trace has been read and matches.
  var spans: [Span]?

  /// The largest candidate is next: the newest. Among equal times, traces that are not read yet come first, because one of them may
  /// be newer. Then the larger trace id comes first, so that the order is deterministic.
  static func < (first: Candidate, second: Candidate) -> Bool {
    if first.time != second.time { return first.time < second.time }
    if (first.spans == nil) != (second.spans == nil) { return second.spans == nil }
    return first.trace < second.trace
  }

  static func == (first: Candidate, second: Candidate) -> Bool {
    first.time == second.time && first.trace == second.trace && (first.spans == nil) == (second.spans == nil)
  }
}
