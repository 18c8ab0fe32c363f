package import PrometheusMetrics

/// What a collector has counted since the start.
public final class CollectorMetrics: Sendable {
  /// Requests to store spans.
  package let requests: ReadableCounter
  /// Those of which nothing was stored.
  package let requestsFailed: ReadableCounter
  /// Bytes of their bodies as they came.
  package let requestBytes: ReadableCounter
  /// Spans that are on the disk.
  package let spansAccepted: ReadableCounter
  /// Spans that were refused because something in them is wrong.
  package let spansRejected: ReadableCounter
  /// Spans that were refused because the store was full, locked or too far behind; the sender was told.
  package let spansDropped: ReadableCounter
  /// Transactions that stored spans.
  package let commits: ReadableCounter
  /// Spans that retention has removed.
  package let spansExpired: ReadableCounter
  /// How often retention has looked for spans to remove.
  package let retentionRuns: ReadableCounter
  /// Names of services, operations and the like that are not listed any more, as there were too many.
  package let namesForgotten: ReadableCounter
  /// Queries answered.
  package let queries: ReadableCounter
  /// Spans whose ids came with their bytes in reverse, and were put right.
  package let spansTurned = ReadableCounter()
  /// Spans in protobuf of which nothing told, when they came, in which order the bytes of their ids are.
  package let spansUndecided = ReadableCounter()
  /// Traces whose spans were read for queries.
  package let tracesRead = ReadableCounter()
  /// Packed blobs of the disk that were unpacked, for queries and for compaction.
  package let chunksUnpacked = ReadableCounter()

  /// Makes counters that stand at zero and are on a page.
  package init(_ page: PrometheusRegistry) {
    requests = page.counter("kuma_collector_requests_total", "Requests to store spans.")
    requestsFailed = page.counter("kuma_collector_requests_failed_total", "Requests of which nothing was stored.")
    requestBytes = page.counter("kuma_collector_request_bytes_total", "Bytes of their bodies as they came.")
    func spans(_ result: String) -> ReadableCounter {
      page.counter("kuma_collector_spans_total", "Spans received, by what became of them.", [("result", result)])
    }
    spansAccepted = spans("stored")
    spansRejected = spans("rejected")
    spansDropped = spans("dropped")
    commits = page.counter("kuma_collector_commits_total", "Transactions that stored spans.")
    spansExpired = page.counter("kuma_collector_spans_expired_total", "Spans removed by retention.")
    retentionRuns = page.counter(
      "kuma_collector_retention_runs_total", "How often retention has looked for what is to go.")
    namesForgotten = page.counter(
      "kuma_collector_names_forgotten_total",
      "Names of services and operations that are not listed any more, as there were too many.")
    queries = page.counter("kuma_collector_queries_total", "Queries answered.")
  }

  /// Makes counters that stand at zero, for a collector that shows them on no page.
  public convenience init() { self.init(PrometheusRegistry()) }
}
