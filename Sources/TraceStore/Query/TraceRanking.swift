import TraceModel

/// The order of the traces in an answer.
public enum TraceOrder: String, Sendable, Hashable, CaseIterable {
  /// Traces with the latest start first.
  case newest
  /// Traces with the longest duration first.
  case longest
  /// Traces with the most spans first.
  case spans
  /// Traces with the most failed spans first.
  case errors
}

/// Selects the first traces in an order that is not by time: it gets all matching traces and keeps a few.
struct TraceRanking {
  private struct Entry {
    let value: Int64
    let start: Int64
    let id: TraceID
    let summary: TraceSummary?

    /// The larger value first, then the newer trace, then the larger id, so that the order is deterministic.
    func precedes(_ other: Entry) -> Bool {
      (value, start, id.high, id.low) > (other.value, other.start, other.id.high, other.id.low)
    }
  }

  private let order: TraceOrder
  private let limit: Int
  private var entries: [Entry] = []
  /// The last kept trace, once ``limit`` traces are kept.
  private var last: Entry?
  /// How many traces were added.
  private(set) var count = 0

  init(by order: TraceOrder, limit: Int) {
    self.order = order
    self.limit = max(0, limit)
  }

  /// The first ``limit`` traces.
  var summaries: [TraceSummary] { entries.sorted { $0.precedes($1) }.prefix(limit).compactMap(\.summary) }

  /// Adds the spans of a trace, without duplicates.
  mutating func add(_ spans: [Span]) {
    guard limit > 0, let first = spans.first else { return }
    count += 1
    let (start, length) = TraceTimes.extent(of: spans)
    let value: Int64 =
      switch order {
      case .newest: start
      case .longest: length
      case .spans: Int64(spans.count)
      case .errors: Int64(spans.count { $0.isError })
      }
    let entry = Entry(value: value, start: start, id: first.traceID, summary: nil)
    if let last, !entry.precedes(last) { return }
    entries.append(
      Entry(value: value, start: start, id: first.traceID, summary: TraceSummary(SpanTree(spans))))
    // Sorting only when the list has doubled keeps the cost for each trace constant.
    guard entries.count >= 2 * limit else { return }
    entries.sort { $0.precedes($1) }
    entries.removeLast(entries.count - limit)
    last = entries.last
  }
}
