import MeshTestSupport
import Testing

/// The pages that Prometheus reads: dashboards and alerts stand on their names, labels and kinds.
@Suite("Pages of metrics", .fewAtATime, .timeLimit(.minutes(60)))
struct MetricsPageTests {
  /// A page without its numbers, and without the metric whose labels depend on who has asked what.
  private static func shape(_ page: String) -> String {
    page.split(separator: "\n").filter { !$0.contains("kuma_http_requests_total") }
      .map { $0.hasPrefix("#") ? String($0) : $0.split(separator: " ").dropLast().joined(separator: " ") }
      .joined(separator: "\n") + "\n"
  }

  @Test("have the metrics that they always had, in the same order")
  func shapes() async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let controlPlane = try ControlPlaneProcess(home: folder.url)
    try await controlPlane.start()
    let ports = controlPlane.ports
    for (port, path, golden) in [
      (ports.diagnostics, "/metrics", "metrics.txt"), (ports.collector, "/prometheus", "prometheus.txt"),
    ] {
      let page = try #require(try await HTTPProbe.get(port: port, path)).text
      try Golden().check(Self.shape(page), golden)
      #expect(page.contains("\nkuma_request_budget_limit_bytes{budget=\"all\"} 50331648\n"), "\(page)")
    }
    await controlPlane.stop()
  }
}
