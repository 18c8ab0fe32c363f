import ProxyEvidence
import Testing

/// The names of Envoy's statistics that are evidence.
@Suite struct EvidenceStatisticsTests {
  @Test(arguments: [
    ("http.localhost_8080.downstream_rq_total", Statistic("localhost_8080", .requests)),
    ("http.backend.tracing.random_sampling", Statistic("backend", .random)),
    ("http.backend.tracing.not_traceable", Statistic("backend", .notTraceable)),
    ("tracing.zipkin.reports_dropped", Statistic("zipkin", .reportsDropped)),
    ("cluster.tracing_jaeger.upstream_rq_503", Statistic("tracing_jaeger", .answers(503))),
    ("cluster.tracing-auto_jaeger.ssl.fail_verify_san", Statistic("tracing-auto_jaeger", .namesWrong)),
    ("cluster.backend.upstream_rq_total", Statistic("backend", .serviceRequests)),
  ])
  func isReadAndWritten(name: String, statistic: Statistic) {
    #expect(EvidenceStatistics.statistic(name) == statistic)
    #expect(EvidenceStatistics.name(statistic) == name)
  }

  @Test(arguments: [
    "http.admin.downstream_rq_total", "http.kuma_envoy_admin.downstream_rq_total", "http.a.b.downstream_rq_total",
    "cluster.ads_cluster.upstream_rq_total", "cluster.localhost_8080.upstream_rq_total",
    "cluster.backend.upstream_rq_503", "cluster.tracing_jaeger.upstream_rq_99", "cluster.tracing_jaeger.upstream_rq_5xx",
    "cluster.tracing_jaeger.upstream_rq_+99", "tracing.other.spans_sent", "server.live", "", ".", "..", "http..downstream_rq_total",
    "cluster.tracing_j\u{e4}ger.upstream_rq_total",
  ])
  func otherNamesAreNoEvidence(name: String) {
    #expect(EvidenceStatistics.statistic(name) == nil)
  }

  @Test func linesAreReadAndWhatIsNotUnderstoodIsLeftOut() {
    let text = """
      http.backend.downstream_rq_total: 12
      http.backend.downstream_rq_time: P0(nan,1) P25(nan,2)
      tracing.zipkin.spans_sent: -1
      tracing.zipkin.reports_sent: 99999999999999999999
      cluster.tracing_jaeger.membership_healthy: 1

      nonsense
      """
    #expect(
      EvidenceStatistics.values(in: text) == [
        Statistic("backend", .requests): 12, Statistic("tracing_jaeger", .healthyEndpoints): 1,
      ])
  }
}
