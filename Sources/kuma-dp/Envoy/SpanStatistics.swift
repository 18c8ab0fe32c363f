/// How many spans an Envoy has made and sent, by its statistics. Source: Envoy 1.40.
struct SpanStatistics: Sendable, Equatable {
  /// Where Envoy's administration interface tells it.
  static let path = "/stats?filter=tracing"

  /// Requests of which a span is made because of the proxy's sampling.
  private(set) var traced: Int64 = 0
  /// Requests without spans, unless their callers ask for spans, which is not counted.
  private(set) var notTraceable: Int64 = 0
  /// Spans that Zipkin's tracer has sent.
  private(set) var sent: Int64 = 0
  /// Reports that wait for a connection to the collector or for its answer.
  private(set) var reportsInFlight: Int64 = 0
  /// How many times reports were sent again, or are going to be.
  private(set) var retries: Int64 = 0
  private(set) var usesZipkin = false
  private(set) var usesDatadog = false

  /// Reads what the interface answers.
  init(_ statistics: String) {
    for (name, value) in EnvoyDrain.values(statistics) {
      if name.hasPrefix("tracing.zipkin.") { usesZipkin = true }
      if name.hasPrefix("tracing.datadog.") { usesDatadog = true }
      if name == "tracing.zipkin.spans_sent" { sent += value }
      if name.hasPrefix("cluster.tracing_") {
        if name.hasSuffix(".upstream_rq_active") || name.hasSuffix(".upstream_rq_pending_active") {
          reportsInFlight += value
        }
        if name.hasSuffix(".upstream_rq_retry") { retries += value }
      }
      guard name.hasPrefix("http.") else { continue }
      if Self.reasons.contains(where: { name.hasSuffix(".tracing.\($0)") }) { traced += value }
      if name.hasSuffix(".tracing.not_traceable") { notTraceable += value }
    }
  }

  /// Why requests are traced.
  private static let reasons = ["random_sampling", "service_forced", "client_enabled"]

  /// Whether there may be any span at all.
  var hasSpans: Bool { (usesZipkin || usesDatadog) && traced + notTraceable > 0 }

  /// Whether it is certain that no span waits in a buffer. It is where every request is traced by Zipkin's tracer: a caller
  /// can then only have fewer of them sent. Datadog's tracer does not count.
  var areFlushed: Bool { !hasSpans || (!usesDatadog && notTraceable == 0 && traced == sent) }
}
