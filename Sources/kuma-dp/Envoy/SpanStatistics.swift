/// How many spans an Envoy has made and sent, by its statistics. Source: Envoy 1.40.
struct SpanStatistics: Sendable, Equatable {
  /// Where Envoy's administration interface tells it.
  static let path = "/stats?filter=tracing%7Cdownstream_(rq_total%7Crq_rx_reset%7Ccx_active)$"

  /// Requests of which a span is made because of the proxy's sampling.
  private(set) var traced: Int64 = 0
  /// Requests without spans, unless their callers ask for spans, which is not counted.
  private(set) var notTraceable: Int64 = 0
  /// Open connections of HTTP.
  private(set) var connections: Int64 = 0
  /// All requests, traced or not.
  private(set) var requests: Int64 = 0
  /// Requests whose client went away. Most of them have spans and do not count as traced. Seen with Envoy 1.40.
  private(set) var resets: Int64 = 0
  /// Spans that Zipkin's tracer has sent.
  private(set) var sent: Int64 = 0
  /// Reports that wait for a connection to the collector, for its answer or for another attempt; some may count twice.
  private(set) var reportsInFlight: Int64 = 0
  private(set) var usesZipkin = false
  private(set) var usesDatadog = false

  /// Reads what the interface answers.
  ///
  /// - Parameter retryLimits: of the clusters of collectors, as far as they have them.
  init(_ statistics: String, retryLimits: RetryLimits = RetryLimits("")) {
    for (name, value) in EnvoyDrain.values(statistics) {
      if name.hasPrefix("tracing.zipkin.") { usesZipkin = true }
      if name.hasPrefix("tracing.datadog.") { usesDatadog = true }
      if name == "tracing.zipkin.spans_sent" { sent += value }
      if name.hasPrefix("cluster.tracing") {
        if name.hasSuffix(".upstream_rq_active") || name.hasSuffix(".upstream_rq_pending_active") {
          reportsInFlight += value
        }
        // A report that waits for another attempt is counted nowhere else.
        if let limit = retryLimits[name] { reportsInFlight += max(limit - value, 0) }
      }
      guard name.hasPrefix("http."), !name.hasPrefix("http.admin.") else { continue }
      if name.hasSuffix(".downstream_cx_active") { connections += value }
      if name.hasSuffix(".downstream_rq_total") { requests += value }
      if name.hasSuffix(".downstream_rq_rx_reset") { resets += value }
      if Self.reasons.contains(where: { name.hasSuffix(".tracing.\($0)") }) { traced += value }
      if name.hasSuffix(".tracing.not_traceable") { notTraceable += value }
    }
  }

  /// Why requests are traced.
  private static let reasons = ["random_sampling", "service_forced", "client_enabled"]

  /// Whether there may be any span at all.
  var hasSpans: Bool { (usesZipkin || usesDatadog) && traced + notTraceable + resets > 0 }

  /// Whether it is certain that no span waits in a buffer. It is where every request is traced by Zipkin's tracer: a caller
  /// can then only have fewer of them sent. Datadog's tracer does not count.
  var areFlushed: Bool {
    !hasSpans || (!usesDatadog && notTraceable == 0 && sent >= min(traced + resets, max(traced, requests)))
  }
}

/// How many reports to a collector may be tried again at a time, by the statistic that says how many more may.
struct RetryLimits: Sendable, Equatable {
  /// Where Envoy's administration interface tells it.
  static let path = "/clusters"

  private var limits: [Substring: Int64] = [:]

  /// Reads what the interface answers: lines such as `tracing:jaeger::default_priority::max_retries::1024`.
  init(_ clusters: String) {
    let key = "::default_priority::max_retries::"
    for line in clusters.split(whereSeparator: \.isNewline) where line.hasPrefix("tracing") {
      guard let range = line.firstRange(of: key), let limit = Int64(line[range.upperBound...]), limit >= 0 else {
        continue
      }
      let name = line[..<range.lowerBound].replacing(":", with: "_")
      limits["cluster.\(name).circuit_breakers.default.remaining_retries"] = min(limit, 1_000_000)
    }
  }

  fileprivate subscript(_ statistic: Substring) -> Int64? { limits[statistic] }
}
