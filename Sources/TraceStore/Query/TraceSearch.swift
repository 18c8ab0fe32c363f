/// What a search found.
public struct TraceSearch<Trace: Sendable>: Sendable {
  /// The traces, in the order that was asked for.
  public var traces: [Trace] = []
  /// Whether more match than are here; not known, and false, where it was not asked for.
  public var hasMore = false
  /// Whether all the time that was asked for was looked through (or enough was found).
  public var isComplete = true

  /// Nothing was found.
  package init(traces: [Trace] = [], hasMore: Bool = false, isComplete: Bool = true) {
    self.traces = traces
    self.hasMore = hasMore
    self.isComplete = isComplete
  }
}
