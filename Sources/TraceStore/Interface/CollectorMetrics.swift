package import PrometheusMetrics
import SecretPatterns
package import TraceModel

/// The counters of a collector since its start.
public final class CollectorMetrics: Sendable {
  /// Requests to store spans.
  package let requests: ReadableCounter
  /// Requests of which no span was stored.
  package let requestsFailed: ReadableCounter
  /// Bytes of their bodies before decompression.
  package let requestBytes: ReadableCounter
  /// Spans that were stored.
  package let spansAccepted: ReadableCounter
  /// Spans that were rejected because they are invalid.
  package let spansRejected: ReadableCounter
  /// Spans that were refused because the store was full, locked or overloaded. The sender got an error.
  package let spansDropped: ReadableCounter
  /// Transactions that stored spans.
  package let commits: ReadableCounter
  /// Spans that retention has deleted.
  package let spansExpired: ReadableCounter
  package let retentionRuns: ReadableCounter
  /// Listed names that were evicted because there were too many.
  package let namesEvicted: ReadableCounter
  /// Queries answered.
  package let queries: ReadableCounter
  /// Secrets that were hidden before spans were stored, by their kind.
  private let hidden: [Secret.Kind: ReadableCounter]
  /// Places that the report of hidden secrets evicted.
  private let hiddenPlacesEvicted: ReadableCounter
  /// Spans that arrived with the bytes of their ids reversed and were corrected.
  package let spansReversed = ReadableCounter()
  /// Spans in protobuf for which the byte order of the ids was not known when they arrived.
  package let spansUndecided = ReadableCounter()
  /// Traces that queries have read.
  package let tracesRead = ReadableCounter()
  /// Chunks that queries and compaction have decompressed.
  package let chunksUnpacked = ReadableCounter()

  /// Makes counters at zero that a registry shows.
  package init(_ page: PrometheusRegistry) {
    requests = page.counter("kuma_collector_requests_total", "Requests to store spans.")
    requestsFailed = page.counter("kuma_collector_requests_failed_total", "Requests of which nothing was stored.")
    requestBytes = page.counter(
      "kuma_collector_request_bytes_total", "Bytes of the bodies of these requests before decompression.")
    func spans(_ result: String) -> ReadableCounter {
      page.counter("kuma_collector_spans_total", "Spans received, by what became of them.", [("result", result)])
    }
    spansAccepted = spans("stored")
    spansRejected = spans("rejected")
    spansDropped = spans("dropped")
    commits = page.counter("kuma_collector_commits_total", "Transactions that stored spans.")
    spansExpired = page.counter("kuma_collector_spans_expired_total", "Spans removed by retention.")
    retentionRuns = page.counter(
      "kuma_collector_retention_runs_total", "Runs of retention.")
    namesEvicted = page.counter(
      "kuma_collector_names_forgotten_total",
      "Listed names of services and operations that were evicted because there were too many.")
    queries = page.counter("kuma_collector_queries_total", "Queries answered.")
    hidden = Dictionary(
      uniqueKeysWithValues: Secret.Kind.allCases.map { kind in
        let counter = page.counter(
          "kuma_collector_hidden_total", "Secrets in spans that were hidden before the spans were stored.",
          [("kind", kind.rawValue)])
        return (kind, counter)
      })
    hiddenPlacesEvicted = page.counter(
      "kuma_collector_hidden_places_forgotten_total",
      "Places that the report of hidden secrets evicted because there were too many.")
  }

  /// Counts what was hidden in spans that have been stored.
  ///
  /// - Parameter evicted: how many places the report evicted.
  package func countHidden(_ values: HiddenValues, evicted: Int) {
    guard values.spans > 0 else { return }
    hiddenPlacesEvicted.increment(by: evicted)
    for (kind, counter) in hidden {
      let count = values.count(of: kind)
      if count > 0 { counter.increment(by: count) }
    }
  }

  /// Makes counters at zero that no page shows.
  public convenience init() { self.init(PrometheusRegistry()) }
}
