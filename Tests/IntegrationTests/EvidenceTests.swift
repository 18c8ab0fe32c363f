import Foundation
import MeshModel
import MeshTestSupport
import ProxyEvidence
import Testing

/// What real Envoys count reaches a real control plane.
@Suite(
  "Evidence", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct EvidenceTests {
  private static func metric(_ name: String, of system: TracingSystem) async throws -> Int {
    let text = try await HTTPProbe.get(port: system.controlPlane.ports.diagnostics, "/metrics")?.text ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("\(name) ") }
    return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? -1
  }

  @Test("proxies tell what their Envoys count, before and after the control plane starts again")
  func proxies() async throws {
    try await TracingSystem.run { system in
      try await system.controlPlane.apply(
        TracingSystem.mesh(backends: [("recorder", try await system.recorderURL())]) + "---\n"
          + TracingSystem.policy(backend: "recorder"))
      try await eventually("evidence of both proxies") {
        try await Self.metric("kuma_evidence_proxies", of: system) == 2
      }
      // Every name that Envoy's filter lets pass and this product means to know, as a real Envoy writes them.
      let web = try system.proxy("web")
      try await system.call("/evidence", untilSpans: "some", of: { system.recorder.spans(path: "/evidence") }) {
        !$0.isEmpty
      }
      let text = try #require(try await HTTPProbe.get(port: web.adminPort, EvidenceStatistics.path)?.text)
      let evidence = EnvoyEvidence(EvidenceStatistics.values(in: text))
      let outbound = try #require(evidence.listeners["api"])
      #expect(outbound.requests > 0 && outbound.random > 0)
      #expect(evidence.listeners.keys.contains { $0.hasPrefix("localhost_") })
      #expect(evidence.tracer.kind == .zipkin && evidence.tracer.spansSent > 0)
      let collector = try #require(evidence.collectors["tracing_recorder"])
      #expect(collector.answers[202] ?? 0 > 0 && collector.requests > 0 && collector.connections > 0)
      #expect(evidence.services["api"]?.requests ?? 0 > 0)
      #expect(!text.contains("server.") && !text.contains("http.admin."))

      await system.controlPlane.stop()
      try await system.controlPlane.start()
      try await eventually("evidence of both proxies again") {
        try await Self.metric("kuma_evidence_proxies", of: system) == 2
      }
      #expect(!web.log.tail().contains("does not get what Envoy counts: it answers 4"))
    }
  }
}
