import MeshModel
import MeshTestSupport
import Testing

/// What the policy promises, over the running system with real Envoys.
@Suite(
  "The running system", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct TracingTests {
  private static func samples(_ percent: Double) -> @Sendable (DocumentValue) -> Bool {
    { tracing in
      guard let sampling = tracing["overall_sampling"] else { return false }
      return (sampling["value"]?.number ?? 0) == percent
    }
  }

  private static let isAbsent: @Sendable (DocumentValue) -> Bool = { $0 == .null }

  private static func leads(to cluster: String) -> @Sendable (DocumentValue) -> Bool {
    { $0["provider"]?["typed_config"]?["collector_cluster"]?.string == cluster }
  }

  private static func services(_ spans: [SpanRecorder.Span]) -> Set<String> { Set(spans.map(\.service)) }

  private static func apply(_ percent: Int, _ url: String, in system: TracingSystem) async throws {
    try await system.controlPlane.apply(
      TracingSystem.mesh(backends: [("jaeger-collector", url)], sampling: "\(percent)"))
    for proxy in system.proxies { try await proxy.waitForTracing("\(percent) %", samples(Double(percent))) }
  }

  private static func applyRightly(in system: TracingSystem) async throws {
    let said = try await system.controlPlane.apply(TracingSystem.policy(backend: "jaeger-collector"))
    #expect(said.isEmpty)
    for proxy in system.proxies { try await proxy.waitForTracing("100 %", samples(100)) }
  }

  @Test("sampling 100, then 0, then 100 again")
  func sampling() async throws {
    try await TracingSystem.run { system in
      let url = try await system.recorderURL()
      try await system.controlPlane.apply(
        TracingSystem.mesh(backends: [("jaeger-collector", url)]) + "---\n"
          + TracingSystem.policy(backend: "jaeger-collector"))
      try await Self.apply(100, url, in: system)
      try await system.call("/all", untilSpans: "from both", of: { system.recorder.spans(path: "/all") }) {
        Self.services($0) == ["web", "api"]
      }
      let kinds = Set(system.recorder.spans(path: "/all").map { "\($0.service) \($0.kind)" })
      #expect(kinds == ["web CLIENT", "api SERVER"])

      try await Self.apply(0, url, in: system)
      try await system.call("/none", times: 30)
      try await Self.apply(100, url, in: system)
      try await system.call("/again", untilSpans: "from both", of: { system.recorder.spans(path: "/again") }) {
        Self.services($0) == ["web", "api"]
      }
      #expect(system.recorder.spans(path: "/none").isEmpty)
    }
  }

  @Test("a second backend takes over for one selector, and no span of it leaves its region")
  func regions() async throws {
    try await TracingSystem.run { system in
      let controlPlane = system.controlPlane
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("everywhere", system.embeddedURL), ("eu", try await system.recorderURL())])
          + "---\n" + TracingSystem.policy(backend: "everywhere"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("one backend", Self.leads(to: "tracing:everywhere"))
      }
      try await system.call("/before", untilSpans: "from both", of: { try await controlPlane.spans(path: "/before") }) {
        Self.services($0) == ["web", "api"]
      }
      #expect(system.recorder.spans(path: "/before").isEmpty)

      try await controlPlane.apply(
        TracingSystem.policy("eu-stays-in-eu", match: ["kuma.io/service": "'*'", "region": "eu"], backend: "eu"))
      try await system.proxy("web").waitForTracing("the second backend", Self.leads(to: "tracing:eu"))
      try await system.call("/after", untilSpans: "of web at its own", of: { system.recorder.spans(path: "/after") }) {
        !$0.isEmpty
      }
      try await system.call("/after", untilSpans: "of api", of: { try await controlPlane.spans(path: "/after") }) {
        !$0.isEmpty
      }
      #expect(Self.services(system.recorder.spans(path: "/after")) == ["web"])
      #expect(Self.services(try await controlPlane.spans(path: "/after")) == ["api"])
      // Both halves of a trace still share their id.
      let web = Set(system.recorder.spans(path: "/after").map(\.traceID))
      let api = Set(try await controlPlane.spans(path: "/after").map(\.traceID))
      #expect(!web.isDisjoint(with: api))
    }
  }

  @Test("the documentation's misspelt backend gives one warning and no spans; the deleted policy gives none either")
  func misspeltAndDeleted() async throws {
    try await TracingSystem.run { system in
      let controlPlane = system.controlPlane
      let mesh = TracingSystem.mesh(backends: [("jaeger-collector", try await system.recorderURL())])
      let said = try await controlPlane.apply(mesh + "---\n" + TracingSystem.policy(backend: "jager-collector"))
      #expect(said.count == 1, "\(said)")
      #expect(said.first?.hasPrefix("Warning: ") == true)
      #expect(said.first?.contains("did you mean \"jaeger-collector\"?") == true)
      for proxy in system.proxies { try await proxy.waitForTracing("nothing", Self.isAbsent) }
      try await system.call("/misspelt", times: 20)

      try await Self.applyRightly(in: system)
      try await system.call("/right", untilSpans: "from both", of: { system.recorder.spans(path: "/right") }) {
        Self.services($0) == ["web", "api"]
      }
      #expect(system.recorder.spans(path: "/misspelt").isEmpty)

      try await controlPlane.delete("/meshes/default/traffic-traces/trace-all-traffic")
      for proxy in system.proxies { try await proxy.waitForTracing("nothing", Self.isAbsent) }
      try await system.call("/deleted", times: 20)
      try await Self.applyRightly(in: system)
      try await system.call("/again", untilSpans: "from both", of: { system.recorder.spans(path: "/again") }) {
        Self.services($0) == ["web", "api"]
      }
      #expect(system.recorder.spans(path: "/deleted").isEmpty)
    }
  }

  @Test("a live Envoy takes a Datadog backend and sends its traces to the agent")
  func datadog() async throws {
    try await TracingSystem.run { system in
      let port = try await system.port(of: "agent")
      try await system.controlPlane.apply(
        """
        type: Mesh
        name: default
        tracing:
          defaultBackend: agent
          backends:
          - name: agent
            type: datadog
            conf: {address: 127.0.0.1, port: \(port), splitService: true}
        ---
        \(TracingSystem.policy(backend: "agent"))
        """)
      for proxy in system.proxies { try await proxy.waitForTracing("datadog", Self.leads(to: "tracing:agent")) }
      try await eventually("traces at the agent") {
        try await system.call("/datadog", times: 5)
        return system.agent.hasReceived("web_OUTBOUND_api") && system.agent.hasReceived("api_INBOUND")
      }
      let status = try await system.controlPlane.subscription(of: "web")?["status"]
      #expect(status?["total"]?["responsesRejected"] == nil)
    }
  }
}
