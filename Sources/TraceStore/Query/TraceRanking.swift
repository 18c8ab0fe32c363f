import TraceModel

/// In which order traces are wanted.
public enum TraceOrder: String, Sendable, Hashable, CaseIterable {
  /// Those that began last first.
  case newest
  /// Those that took longest first.
  case longest
  /// Those with the most spans first.
  case spans
  /// Those with the most failed spans first.
  case errors
}

/// The first of many traces in an order other than that of their times: all are looked at, and few are kept.
struct TraceRanking {
  private struct Entry {
    let value: Int64
    let start: Int64
    let id: TraceID
    let summary: TraceSummary?

    /// The larger value first, then the newer; ids decide between equals, so that the order is always the same.
    func precedes(_ other: Entry) -> Bool {
      (value, start, id.high, id.low) > (other.value, other.start, other.id.high, other.id.low)
    }
  }

  private let order: TraceOrder
  private let limit: Int
  private var entries: [Entry] = []
  /// The last of those that are kept, once there are as many as are wanted.
  private var last: Entry?
  /// How many traces were looked at.
  private(set) var count = 0

  init(by order: TraceOrder, limit: Int) {
    self.order = order
    self.limit = max(0, limit)
  }

  /// The traces, as many as are wanted at most.
  var summaries: [TraceSummary] { entries.sorted { $0.precedes($1) }.prefix(limit).compactMap(\.summary) }

  /// Looks at the spans of a trace, those that were sent twice once.
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
    // Sorted now and then only: each trace is moved a few times, however many there are.
    guard entries.count >= 2 * limit else { return }
    entries.sort { $0.precedes($1) }
    entries.removeLast(entries.count - limit)
    last = entries.last
  }
}
