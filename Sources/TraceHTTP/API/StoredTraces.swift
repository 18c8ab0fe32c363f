public import TraceAnalysis
import TraceModel
public import TraceStore

/// The traces of a store as the analysis asks for them.
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
  /// In milliseconds.
  private static let recalledTime: Int64 = 900_000
  private static let recalledTraces = 2_000

  /// Analyses what a store commits from now on.
  public func follow(_ store: any SpanStore) {
    store.observe { stored in self.observe(count: stored.count) { stored.spans() } }
  }

  /// Takes in what a store has committed lately, so that a restart does not make the analysis forget everything.
  public func recall(from store: any SpanStore) async {
    let query = TraceQuery(
      endTs: store.clock.milliseconds(), lookback: Self.recalledTime, limit: Self.recalledTraces)
    // Whatever is wrong with the file, those that need it will say so; the analysis can begin with nothing.
    guard let found = try? await store.search(query) else { return }
    for trace in found.traces { recall(trace) }
  }
}
