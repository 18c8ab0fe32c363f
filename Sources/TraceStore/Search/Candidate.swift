import TraceModel

/// A trace that may fit a query, or one that does and waits for its turn.
struct Candidate: Comparable {
  /// As far as it is known, when the trace began, in milliseconds since 1970.
  let time: Int64
  let trace: UInt64
  /// The trace itself, if it has been read and fits.
  var spans: [Span]?

  /// The largest candidate is taken first: the newest. What fits comes behind what may, so that nothing newer is overlooked;
  /// then the larger trace id, so that the order is always the same.
  static func < (first: Candidate, second: Candidate) -> Bool {
    if first.time != second.time { return first.time < second.time }
    if (first.spans == nil) != (second.spans == nil) { return second.spans == nil }
    return first.trace < second.trace
  }

  static func == (first: Candidate, second: Candidate) -> Bool {
    first.time == second.time && first.trace == second.trace && (first.spans == nil) == (second.spans == nil)
  }
}
