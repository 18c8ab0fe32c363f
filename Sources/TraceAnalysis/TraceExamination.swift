import TraceModel

/// A span of a trace that is examined as a whole.
struct ExaminedSpan: Sendable {
  /// Who reported the span, and what it is.
  enum Role: UInt8, Sendable {
    /// A request that a proxy received for its service.
    case request
    /// A request that a proxy sent for its service.
    case call
    /// A span of the application's own tracer.
    case own
  }

  let trace: TraceID
  let id: UInt64
  /// 0 for a root.
  let parent: UInt64
  /// In microseconds since 1970.
  let start: Int64
  let end: Int64
  let role: Role
  let isShared: Bool
  let isFailed: Bool
  let requestID: RequestID
  let size: UInt32?
  /// The numbers of the proxy and its service; 0 for a span of which only the id matters.
  let instance: UInt64
  let service: UInt64
  /// The slot of the proxy, which may belong to another one by now.
  let slot: Int
  let pair: PropagationAnalyzer.PairID?

  /// For a request, the id of the caller's span.
  var caller: UInt64 { isShared ? id : parent }
}

/// A sample of whole traces. Only the spans of a trace together tell whether a call has the right parent and whether somebody
/// received it.
///
/// At low rates the sample is everything, otherwise one trace in eight. The choice depends on the trace id, so that all spans of
/// a trace are in the sample or none.
struct TraceExamination: Sendable {
  /// Spans per minute up to which every trace is examined.
  private static let fewSpans = 256
  /// The same within a minute after a quiet one. The first requests after a deploy tell soon what is wrong.
  private static let spansAfterQuiet = 4_096
  private static let mostSpans = 16_384
  private static let spansPerTrace = 256
  /// Spans of a trace may be reported for so long after its last span, in microseconds.
  private static let patience: Int64 = 10_000_000
  /// The same where the service's own tracer reports spans, which exporters send in batches.
  static let patienceWithTracer: Int64 = 30_000_000
  /// In microseconds.
  private static let minute: Int64 = 60_000_000

  private(set) var spans: [ExaminedSpan] = []
  /// The length of the list at which ripe traces are taken out of it.
  private var threshold = 512
  /// The number of spans per minute, for the last 64 minutes.
  private var counts = [(minute: Int64, count: Int)](repeating: (0, 0), count: 64)

  var isFull: Bool { spans.count >= threshold }

  /// Counts a span, and says whether its trace is in the sample.
  mutating func wants(_ span: Span) -> Bool {
    let minute = span.timestamp / Self.minute
    let slot = Int(truncatingIfNeeded: minute & 63)
    if counts[slot].minute != minute { counts[slot] = (minute, 0) }
    counts[slot].count += 1
    return Self.isAlwaysIn(span.traceID.low) || isWholeMinute(minute)
  }

  /// Whether a trace is in the sample, without counting a span.
  func includes(_ trace: TraceID, at time: Int64) -> Bool {
    Self.isAlwaysIn(trace.low) || isWholeMinute(time / Self.minute)
  }

  private static func isAlwaysIn(_ trace: UInt64) -> Bool { (trace &* 0x9e37_79b9_7f4a_7c15) >> 61 == 0 }

  /// Whether all traces of a minute are in the sample. If more spans come than expected, those that were are not whole.
  private func isWholeMinute(_ minute: Int64) -> Bool {
    let now = counts[Int(truncatingIfNeeded: minute & 63)]
    if now.minute == minute, now.count > Self.spansAfterQuiet { return false }
    let before = counts[Int(truncatingIfNeeded: (minute - 1) & 63)]
    return before.minute != minute - 1 || before.count <= Self.fewSpans
  }

  mutating func add(_ span: ExaminedSpan) {
    if spans.count < Self.mostSpans { spans.append(span) }
  }

  /// Removes the traces whose spans have all been reported by a moment, and returns them.
  mutating func takeRipe(until now: Int64) -> [ArraySlice<ExaminedSpan>] {
    spans.sort { ($0.trace.low, $0.start, $0.id) < ($1.trace.low, $1.start, $1.id) }
    var ripe: [ArraySlice<ExaminedSpan>] = []
    var kept: [ExaminedSpan] = []
    var first = 0
    // If spans come faster than traces become ripe, the list is full of unripe ones, of which nothing can be said.
    let isOverfull = spans.count >= Self.mostSpans
    while first < spans.count {
      var end = first + 1
      var last = spans[first].end
      while end < spans.count, spans[end].trace.low == spans[first].trace.low {
        last = max(last, spans[end].end)
        end += 1
      }
      if last <= now - Self.patience {
        if isWhole(spans[first..<end], last) { ripe.append(spans[first..<end]) }
      } else if !isOverfull {
        kept += spans[first..<end]
      }
      first = end
    }
    spans = kept
    threshold = min(Self.mostSpans, 2 * kept.count + 512)
    return ripe
  }

  /// Whether all spans of a trace were in the sample, whatever the minute in which they began.
  private func isWhole(_ trace: ArraySlice<ExaminedSpan>, _ last: Int64) -> Bool {
    guard let first = trace.first, trace.count <= Self.spansPerTrace else { return false }
    if Self.isAlwaysIn(first.trace.low) { return true }
    let earlier = (first.start - Self.patience) / Self.minute
    return isWholeMinute(earlier) && isWholeMinute(last / Self.minute) && last / Self.minute - earlier <= 1
  }
}
