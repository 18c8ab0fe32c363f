import Documents
import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// The control plane's own collector over TLS, where nobody is let in without a token: the sample's backend works as it is.
@Suite(
  "Own collector over TLS", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct OwnCollectorTests {
  /// The spans of requests with a path, as an administrator sees them.
  private static func spans(
    _ path: String, in system: TracingSystem, _ token: String
  ) async throws -> [SpanRecorder.Span] {
    let answer = try await HTTPProbe.get(
      port: system.controlPlane.ports.collector, "/api/v2/traces?limit=1000&lookback=3600000",
      headers: ["authorization": "Bearer \(token)"])
    guard let answer, answer.status == 200 else { return [] }
    return (try DocumentValue(json: answer.body).array ?? []).flatMap { $0.array ?? [] }.map(SpanRecorder.span)
      .filter { $0.path == path }
  }

  private static func kumactl(_ arguments: [String], in system: TracingSystem) async throws {
    let run = try await Programs.run("kumactl", arguments, home: system.controlPlane.home)
    #expect(run.status.isSuccess, "kumactl \(arguments.joined(separator: " ")): \(run.errors)")
  }

  /// How often an Envoy has taken the secrets of its collector.
  private static func updates(_ proxy: ProxyProcess) async throws -> Int {
    try await proxy.counters("sds").reduce(0) { $1.key.hasSuffix("update_success") ? $0 + $1.value : $0 }
  }

  @Test(
    "Envoys get authority and token by themselves, and another token without a lost span; nobody else can send spans")
  func token() async throws {
    let settings = [
      "KUMA_COLLECTOR_TLS_ENABLED": "true", "KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN": "false",
      "KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN": "true",
    ]
    try await TracingSystem.run(settings: settings) { system in
      let controlPlane = system.controlPlane
      let file = controlPlane.home.appending(path: "cp/admin-user-token")
      let token = try await eventually("the administrator's token") {
        (try? String(contentsOf: file, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      try await Self.kumactl(
        [
          "config", "control-planes", "add", "--name", "test", "--address",
          "http://127.0.0.1:\(controlPlane.ports.api)",
          "--auth-type", "tokens", "--auth-conf", "token=\(token)",
        ], in: system)
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("own", system.embeddedURL)]) + "---\n" + TracingSystem.policy(backend: "own"))

      #expect(try await HTTPProbe.post(port: controlPlane.ports.collector, "/api/v2/spans", "[]")?.status == 401)
      try await eventually("spans of both proxies") {
        // While listeners of both change, a connection between them may end under a request.
        for _ in 0..<5 { _ = try await HTTPProbe.get(port: try system.proxy("web").outboundPort, "/first") }
        return Set(try await Self.spans("/first", in: system, token).map(\.service)) == ["web", "api"]
      }
      for proxy in system.proxies {
        let counters = try await proxy.counters("tracing_own.ssl")
        #expect(counters["cluster.tracing_own.ssl.handshake"] ?? 0 > 0, "\(proxy.name) does not use TLS")
        try await proxy.waitForSlowCollector()
      }

      // A newer token, and then the old one goes.
      let earlier = try await Self.updates(system.proxy("web")) + Self.updates(system.proxy("api"))
      let newer = Base64.encode(Array("a-token-that-a-test-has-made-up-1234567890".utf8))
      async let calls: Void = system.call("/rotated", times: 100)
      try await controlPlane.apply(
        "type: Secret\nmesh: default\nname: trace-ingest-token-default-2\ndata: \(newer)\n")
      try await eventually("the newer token at both Envoys") {
        try await Self.updates(system.proxy("web")) + Self.updates(system.proxy("api")) >= earlier + 2
      }
      try await calls
      try await eventually("every span of 100 requests") {
        try await Self.spans("/rotated", in: system, token).count == 200
      }
      try await Self.kumactl(["delete", "secret", "trace-ingest-token-default-1"], in: system)
      try await eventually("spans with the newer token alone") {
        try await system.call("/newer", times: 5)
        return Set(try await Self.spans("/newer", in: system, token).map(\.service)) == ["web", "api"]
      }
      let dump = try await HTTPProbe.get(port: system.proxy("web").adminPort, "/config_dump")?.text ?? ""
      #expect(dump.contains("tracing:own/header/authorization") && !dump.contains("a-token-that-a-test"))
    }
  }
}
