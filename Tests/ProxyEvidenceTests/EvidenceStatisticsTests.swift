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
    "cluster.backend.upstream_rq_503", "cluster.tracing_jaeger.upstream_rq_99",
    "cluster.tracing_jaeger.upstream_rq_5xx",
    "cluster.tracing_jaeger.upstream_rq_+99", "tracing.other.spans_sent", "server.live", "", ".", "..",
    "http..downstream_rq_total",
    "cluster.tracing_j\u{e4}ger.upstream_rq_total",
  ])
  func otherNamesAreNoEvidence(name: String) {
    #expect(EvidenceStatistics.statistic(name) == nil)
  }

  /// What an Envoy 1.40 counted of a collector that is not there, that answers 503, that ends connections, and that is silent.
  @Test(
    arguments: [
      ("upstream_cx_none_healthy: 5\nupstream_rq_503: 5", [:], 5),
      ("upstream_cx_connect_fail: 31\nupstream_rq_pending_failure_eject: 31\nupstream_rq_503: 31", [:], 31),
      ("upstream_rq_total: 28\nupstream_rq_503: 28", [503: 28], 0),
      ("upstream_rq_total: 32\nupstream_cx_destroy_remote_with_active_rq: 32\nupstream_rq_503: 32", [:], 32),
      ("upstream_rq_total: 21\nupstream_rq_timeout: 21\nupstream_rq_504: 21", [:], 0),
      (
        "upstream_rq_total: 9\nupstream_rq_pending_failure_eject: 2\nupstream_rq_503: 5\nupstream_rq_404: 1",
        [404: 1, 503: 3], 2
      ),
    ] as [(String, [UInt16: Int], Int)])
  func answersOfEnvoyItselfAreNotTheCollectors(lines: String, answers: [UInt16: Int], unsent: Int) {
    let text = lines.split(separator: "\n").map { "cluster.tracing_jaeger.\($0)" }.joined(separator: "\n")
    let counts = EnvoyEvidence(EvidenceStatistics.values(in: text)).collectors["tracing_jaeger"]
    #expect(counts?.answers == answers)
    #expect(counts?.unsent == unsent)
  }

  /// Envoy counts a connection that was not made in time as one that failed too: seen with Envoy 1.40.
  @Test func connectionsThatWereNotMadeInTimeCountOnce() {
    let text = "cluster.backend.upstream_cx_connect_fail: 3\ncluster.backend.upstream_cx_connect_timeout: 2\n"
    let counts = EnvoyEvidence(EvidenceStatistics.values(in: text)).services["backend"]
    #expect(counts?.connectFailures == 3 && counts?.connectTimeouts == 2)
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
