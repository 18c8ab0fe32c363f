import Testing

@testable import kuma_dp

/// Which spans of an Envoy have been sent, by the statistics that Envoy 1.40 gives.
@Suite("Envoy's spans")
struct SpanStatisticsTests {
  /// Those of a proxy with an inbound and an outbound, as far as they matter.
  static func statistics(
    traced: Int = 7, notTraceable: Int = 0, sent: Int = 7, inFlight: Int = 0, pending: Int = 0, retrying: Int = 0,
    requests: Int = 7,
    resets: Int = 0, connections: Int = 0
  ) -> SpanStatistics {
    SpanStatistics(
      """
      cluster.tracing-auto_main.circuit_breakers.default.remaining_retries: \(1024 - retrying)
      cluster.tracing_jaeger.upstream_rq_active: \(inFlight)
      cluster.tracing_jaeger.upstream_rq_pending_active: \(pending)
      cluster.tracing_jaeger.upstream_rq_total: 3
      http.admin.downstream_rq_rx_reset: 5
      http.admin.downstream_rq_total: 9
      http.admin.downstream_cx_active: 1
      http.api.downstream_cx_active: \(connections)
      http.api.downstream_rq_rx_reset: \(resets)
      http.api.downstream_rq_total: \(requests)
      http.api.tracing.client_enabled: 0
      http.api.tracing.health_check: 0
      http.api.tracing.not_traceable: \(notTraceable)
      http.api.tracing.random_sampling: \(traced - 2)
      http.api.tracing.service_forced: 1
      http.localhost_8080.tracing.not_traceable: 0
      http.localhost_8080.tracing.random_sampling: 1
      tracing.zipkin.reports_sent: 2
      tracing.zipkin.spans_sent: \(sent)
      tracing.zipkin.timer_flushed: 12
      """,
      retryLimits: RetryLimits(
        """
        tracing-auto:main::default_priority::max_retries::1024
        tracing-auto:main::high_priority::max_retries::3
        tracing:jaeger::default_priority::max_retries::3
        tracing:nonsense::default_priority::max_retries::many
        """))
  }

  @Test("none wait where every traced request's is sent")
  func sent() {
    #expect(Self.statistics().areFlushed)
    #expect(!Self.statistics(sent: 6).areFlushed)
    #expect(Self.statistics().reportsInFlight == 0)
  }

  @Test("reports wait for a connection, for an answer and for another attempt")
  func reports() {
    #expect(Self.statistics(inFlight: 1, pending: 2).reportsInFlight == 3)
    #expect(Self.statistics(retrying: 4).reportsInFlight == 4)
  }

  @Test("requests whose client went away have spans, counted as traced or not")
  func resets() {
    #expect(!Self.statistics(sent: 7, requests: 9, resets: 2).areFlushed)
    #expect(Self.statistics(sent: 9, requests: 9, resets: 2).areFlushed)
    #expect(Self.statistics(sent: 7, requests: 7, resets: 2).areFlushed, "they are counted as traced")
    #expect(!Self.statistics(sent: 8, requests: 12, resets: 2).areFlushed, "earlier requests were not traced")
    #expect(SpanStatistics("http.api.downstream_rq_rx_reset: 1\ntracing.zipkin.spans_sent: 0").hasSpans)
  }

  @Test("connections are those of clients")
  func connections() {
    #expect(Self.statistics(connections: 3).connections == 3)
    #expect(
      SpanStatistics("listener.admin.downstream_cx_active: 1\nhttp.admin.downstream_cx_active: 1").connections == 0)
  }

  @Test("it is not certain where requests may be traced without being counted")
  func uncertain() { #expect(!Self.statistics(notTraceable: 3).areFlushed) }

  @Test("without tracing, and without requests, there are none")
  func none() {
    #expect(!SpanStatistics("").hasSpans)
    #expect(SpanStatistics("").areFlushed)
    #expect(SpanStatistics("http.api.tracing.random_sampling: 9\nnonsense\n: 1").areFlushed)
    let idle = SpanStatistics("http.api.tracing.random_sampling: 0\ntracing.zipkin.spans_sent: 0")
    #expect(!idle.hasSpans)
    #expect(idle.areFlushed)
  }

  @Test("Datadog's tracer does not count its own")
  func datadog() {
    let spans = SpanStatistics("http.api.tracing.random_sampling: 2\ntracing.datadog.reports_sent: 1")
    #expect(spans.hasSpans)
    #expect(!spans.areFlushed)
  }
}
