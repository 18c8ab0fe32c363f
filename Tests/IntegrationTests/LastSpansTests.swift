import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Spans that real Envoys have not sent yet when something ends.
@Suite(
  "The last spans", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct LastSpansTests {
  private static func leads(to cluster: String) -> @Sendable (DocumentValue) -> Bool {
    { $0["provider"]?["typed_config"]?["collector_cluster"]?.string == cluster }
  }

  private static func trace(_ system: TracingSystem) async throws {
    let old = try await system.recorderURL()
    try await system.controlPlane.apply(
      TracingSystem.mesh(backends: [("old", old), ("new", system.embeddedURL)]) + "---\n"
        + TracingSystem.policy(backend: "old"))
    for proxy in system.proxies { try await proxy.waitForTracing("the first backend", leads(to: "tracing:old")) }
  }

  @Test("of a proxy that ends are sent before it does, and it does not wait when there are none")
  func ends() async throws {
    try await TracingSystem.run { system in
      try await Self.trace(system)
      // Fewer than the five that Envoy sends at once.
      try await system.call("/last", times: 3)
      await withDiscardingTaskGroup { group in
        for proxy in system.proxies { group.addTask { await proxy.stop() } }
      }
      try await eventually("the spans of both sides") { system.recorder.spans(path: "/last").count >= 6 }
      #expect(system.recorder.spans(path: "/last").count == 6)

      let proxy = try await system.start("lazy", calls: "lazy")
      // All of its requests are traced, so that it is certain when everything is sent.
      try await proxy.waitUntilServing()
      try await eventually("everything is sent and answered") {
        let counts = try await proxy.counters("tracing")
        let traced = counts.filter { $0.key.hasSuffix(".tracing.random_sampling") }.values.reduce(0, +)
        let unanswered = counts.filter { $0.key.hasPrefix("cluster.") && $0.key.hasSuffix(".upstream_rq_active") }
        return traced > 0 && counts["tracing.zipkin.spans_sent"] == traced && unanswered.values.allSatisfy { $0 == 0 }
      }
      await proxy.stop()
      #expect(proxy.process.currentExitStatus?.isSuccess == true)
      #expect(!proxy.log.all.contains { $0.contains("waiting for the last spans") }, "\(proxy.log.tail())")
    }
  }

  @Test("of a proxy that sends fifty at a time are sent before it ends")
  func endsWithLargeReports() async throws {
    try await TracingSystem.run { system in
      try await system.controlPlane.apply(
        TracingSystem.mesh(backends: [("main", system.embeddedURL)], apiVersion: "auto") + "---\n"
          + TracingSystem.policy(backend: "main"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("protobuf") {
          $0["provider"]?["typed_config"]?["collector_endpoint_version"]?.string == "HTTP_PROTO"
        }
        try await eventually("the interval of \(proxy.name)'s reports") {
          let runtime = try await HTTPProbe.get(port: proxy.adminPort, "/runtime")
          let entries = try DocumentValue(json: runtime?.body ?? [])["entries"]
          return entries?["tracing.zipkin.flush_interval_ms"]?["final_value"] == "1000"
        }
      }
      try await system.call("/last", times: 7)
      await withDiscardingTaskGroup { group in
        for proxy in system.proxies { group.addTask { await proxy.stop() } }
      }
      for proxy in system.proxies { #expect(proxy.process.currentExitStatus?.isSuccess == true, "\(proxy.log.tail())") }
      try await eventually("the spans of both sides") {
        try await system.controlPlane.spans(path: "/last").count >= 14
      }
    }
  }

  @Test("of requests that were under way when the backend changed reach the collector of before")
  func backendChanges() async throws {
    try await TracingSystem.run(proxies: false) { system in
      for (name, calls) in [("web", "api"), ("api", "web")] {
        try await system.start(name, calls: calls, drainTime: "10s")
      }
      for proxy in system.proxies { try await proxy.waitUntilServing() }
      try await Self.trace(system)
      let port = try system.proxy("web").outboundPort
      try await withThrowingTaskGroup(of: Int?.self) { group in
        // Five, which Envoy sends at once.
        for _ in 0..<5 { group.addTask { try await HTTPProbe.get(port: port, "/held")?.status } }
        try await eventually("requests under way") { system.gate.count == 5 }
        try await system.controlPlane.apply(TracingSystem.policy(backend: "new"))
        for proxy in system.proxies {
          try await eventually("the second backend") {
            guard let tracing = try await proxy.tracing() else { return false }
            return tracing.count == 2 && tracing.values.allSatisfy(Self.leads(to: "tracing:new"))
          }
        }
        system.gate.open()
        for try await status in group { #expect(status == 200) }
      }
      try await eventually("the spans of both sides") { system.recorder.spans(path: "/held").count >= 10 }
      #expect(system.recorder.spans(path: "/held").count == 10)
      for proxy in system.proxies {
        #expect(try await proxy.counters("reports_skipped_no_cluster").values.allSatisfy { $0 == 0 })
      }
      // New requests go to the new one, and the old one goes when it is not needed any more.
      try await system.call("/new", untilSpans: "of both", of: { try await system.controlPlane.spans(path: "/new") }) {
        Set($0.map(\.service)) == ["web", "api"]
      }
      // Those that web sends to api over a connection that is open go on to be reported by api as before.
      #expect(!system.recorder.spans(path: "/new").contains { $0.service == "web" })
      for proxy in system.proxies {
        try await eventually("the end of the old cluster") {
          try await HTTPProbe.get(port: proxy.adminPort, "/clusters")?.text.contains("tracing:old") == false
        }
      }
    }
  }
}
