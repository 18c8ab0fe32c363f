/// The result of a search.
public struct TraceSearch<Trace: Sendable>: Sendable {
  /// The traces in the requested order.
  public var traces: [Trace] = []
  /// Whether more traces match. False if the caller did not ask.
  public var hasMore = false
  /// Whether the search covered the whole time range, or found as many traces as requested.
  public var isComplete = true

  /// Makes a result.
  package init(traces: [Trace] = [], hasMore: Bool = false, isComplete: Bool = true) {
    self.traces = traces
    self.hasMore = hasMore
    self.isComplete = isComplete
  }
}
