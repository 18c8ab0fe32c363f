import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
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
      let (text, evidence) = try await eventually("a report that the collector has taken") {
        () async throws -> (String, EnvoyEvidence)? in
        // Whether each is answered is not the question: endpoints may just come.
        for _ in 0..<5 { _ = try await HTTPProbe.get(port: web.outboundPort, "/evidence") }
        let text = try await HTTPProbe.get(port: web.adminPort, EvidenceStatistics.path)?.text ?? ""
        let evidence = EnvoyEvidence(EvidenceStatistics.values(in: text))
        let accepted = evidence.collectors["tracing_recorder"]?.answers[202] ?? 0
        return accepted > 0 ? (text, evidence) : nil
      }
      let outbound = try #require(evidence.listeners["api"])
      #expect(outbound.requests > 0 && outbound.random > 0)
      #expect(evidence.listeners.keys.contains { $0.hasPrefix("localhost_") })
      #expect(evidence.tracer.kind == .zipkin && evidence.tracer.spansSent > 0)
      let collector = try #require(evidence.collectors["tracing_recorder"])
      #expect(collector.answers[202] ?? 0 > 0 && collector.requests > 0 && collector.connections > 0)
      #expect(evidence.services["api"]?.requests ?? 0 > 0)
      #expect(!text.contains("server.") && evidence.listeners["admin"] == nil)

      await system.controlPlane.stop()
      try await system.controlPlane.start()
      try await eventually("evidence of both proxies again") {
        try await Self.metric("kuma_evidence_proxies", of: system) == 2
      }
    }
  }

  /// A bootstrap as Kuma's own `kuma-dp` asks for it, and the Envoy of it.
  @Test("Envoys that no kuma-dp of ours asks tell it by their metrics service, where a setting says so")
  func metricsService() async throws {
    let settings = ["KUMA_DP_SERVER_ENVOY_METRICS_ENABLED": "true", "KUMA_DP_SERVER_ENVOY_METRICS_INTERVAL": "1s"]
    try await TracingSystem.run(proxies: false, settings: settings) { system in
      let controlPlane = system.controlPlane
      let ports = try FreePort.take(2)
      try await controlPlane.apply(
        """
        type: Dataplane
        mesh: default
        name: foreign
        networking:
          address: 127.0.0.1
          inbound: [{port: \(ports[0]), servicePort: \(try await system.port(of: "web")), \
        tags: {kuma.io/service: web, kuma.io/protocol: http}}]
        """)
      let request = #"{"mesh":"default","name":"foreign","adminPort":\#(ports[1])}"#
      let bootstrap = try #require(
        try await HTTPProbe.post(port: controlPlane.ports.dataplane, "/bootstrap", request))
      #expect(bootstrap.status == 200 && bootstrap.text.contains("envoy.stat_sinks.metrics_service"))
      let file = controlPlane.home.appending(path: "foreign.yaml")
      try Data(bootstrap.body).write(to: file)
      let log = Lines()
      let envoy = try ChildProcess.start(
        ChildProcess.Command(
          try #require(Programs.envoy),
          ["-c", file.path(percentEncoded: false), "--disable-hot-restart", "--concurrency", "1"],
          environment: Programs.environment, output: .lines(log.append), errors: .lines(log.append)))
      var failure: (any Error)?
      do {
        try await eventually(deadline: .seconds(60), "evidence of the foreign proxy\n\(log.tail())") {
          _ = try await HTTPProbe.get(port: ports[0], "/foreign")
          return try await Self.metric("kuma_evidence_proxies", of: system) == 1
        }
      } catch { failure = error }
      _ = await envoy.end(within: .zero)
      if let failure { throw failure }
    }
  }
}
