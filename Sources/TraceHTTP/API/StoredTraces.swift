public import TraceAnalysis
import TraceModel
public import TraceStore

/// Searches a store for the analysis.
struct StoredTraces: TraceSource {
  let store: any SpanStore

  func traces(_ wanted: WantedTraces) async throws(CollectorError) -> (traces: [[Span]], isComplete: Bool) {
    var query = TraceQuery(endTs: wanted.endTs, lookback: wanted.lookback, limit: wanted.limit)
    query.serviceName = wanted.service
    query.minDuration = wanted.minDuration
    let found = try await store.search(query)
    return (found.traces, found.isComplete)
  }
}

extension PropagationMonitor {
  /// Milliseconds.
  private static let recalledTime: Int64 = 900_000
  private static let recalledTraces = 2_000

  /// Analyses all spans that a store commits from now on.
  public func follow(_ store: any SpanStore) {
    store.observe { stored in self.observe(count: stored.count) { stored.spans(withTags: PropagationAnalyzer.tags) } }
  }

  /// Analyses the recent spans of a store, so that the analysis has data after a restart.
  public func recall(from store: any SpanStore) async {
    let query = TraceQuery(
      endTs: store.clock.milliseconds(), lookback: Self.recalledTime, limit: Self.recalledTraces)
    // The error is ignored: other users of the store report it, and the analysis can start without data.
    guard let found = try? await store.search(query) else { return }
    for trace in found.traces { recall(trace) }
  }
}
