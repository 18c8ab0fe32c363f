import Documents
import MeshAccess
import ProgramSettings
import ProxySimulation
import TestSupport
import Testing

@testable import kuma_cp

/// The canary of a control plane in this process, at which a client on this machine has to show a token.
@Suite("The canary", .timeLimit(.minutes(15)))
struct CanaryTests {
  /// What `GET /api/canary` answers to the administrator.
  private func state(_ server: RunningPipeline, _ token: String) async throws -> DocumentValue {
    let answer = try await server.request("GET", server.base(.collector) + "/api/canary", token: token)
    #expect(answer.status == 200, "\(answer.body)")
    return try DocumentValue(json: Array(answer.body.utf8))
  }

  private func administratorToken(of server: RunningPipeline) async throws -> String {
    try await eventually("the token of the administrator") { server.administratorToken }
  }

  @Test("finds its traces with a token of its own, where nobody else may do without and users may read nothing")
  func found() async throws {
    let log = LogRecorder()
    let settings = [
      "collector.canary.interval": "1s", "access.static.readTraces.groups": "mesh-system:admin",
      "access.static.ingestSpans.groups": "mesh-system:admin", "diagnostics.openMetrics": "true",
    ]
    try await RunningPipeline.with(settings: settings, log: log) { server in
      let token = try await administratorToken(of: server)
      try await eventually("two traces that were found") {
        guard case .integer(let count) = try await state(server, token)["found"] else { return false }
        return count >= 2
      }
      let last = try await state(server, token)
      #expect(last["state"]?.string == "found" && last["lost"] == .integer(0) && last["refused"] == .integer(0))
      let id = try #require(last["traceId"]?.string)
      let trace = try await server.request("GET", server.base(.collector) + "/api/v2/trace/\(id)", token: token)
      #expect(trace.status == 200 && trace.body.contains("kuma-trace-canary"))
      let services = try await server.request("GET", server.base(.collector) + "/api/v2/services", token: token)
      #expect(services.body == "[]")
      // It is nobody's token but the canary's.
      #expect(try await server.send("GET /api/v2/services", to: .collector, token: nil).status == 401)
      let metrics = try await server.request("GET", server.base(.diagnostics) + "/metrics", token: token).body
      #expect(metrics.contains("\nkuma_collector_requests_total 0\n"))
      #expect(metrics.contains("\nkuma_collector_commits_total 0\n"))
      #expect(metrics.contains("\nkuma_canary_traces_total{result=\"lost\"} 0\n"))
      #expect(!metrics.contains("\nkuma_canary_traces_total{result=\"found\"} 0\n"))
      #expect(!metrics.contains("\nkuma_canary_delay_seconds_count 0\n"))
      #expect(!metrics.contains("\nkuma_canary_last_success_timestamp_seconds 0\n"))
    }
    #expect(log.lines.filter { $0.message.contains("canary") }.isEmpty, "\(log.messages)")
  }

  @Test("wakes no proxy")
  func proxies() async throws {
    let settings = ["collector.canary.interval": "1s", "dpServer.authn.dpProxy.type": "none"]
    try await RunningPipeline.with(settings: settings) { server in
      let token = try await administratorToken(of: server)
      var fleetSettings = ProxyFleet.Settings(port: try #require(server.port(.dataplane)))
      fleetSettings.dataplane = { _ in
        """
        {"type": "Dataplane", "mesh": "default", "name": "web", "networking": {"address": "127.0.0.1", "inbound":
         [{"port": 10001, "servicePort": 8080, "tags": {"kuma.io/service": "web"}}]}}
        """
      }
      let fleet = ProxyFleet(nodeIDs: ["default.web"], settings: fleetSettings)
      let running = Task { await fleet.run() }
      defer { running.cancel() }
      try await eventually("a configured proxy") { fleet.proxies.allSatisfy(\.isConfigured) }
      func found() async throws -> Int64 {
        guard case .integer(let count) = try await state(server, token)["found"] else { return 0 }
        return count
      }
      func pushes() async throws -> [Substring] {
        try await server.request("GET", server.base(.diagnostics) + "/metrics", token: token).body.split(
          separator: "\n"
        )
        .filter { $0.hasPrefix("kuma_xds_") || $0.hasPrefix("kuma_store_") }
      }
      // What follows a proxy's first connection is over when a trace later nothing has changed.
      let quiet = try await eventually("quiet") { () -> (pushes: [Substring], found: Int64)? in
        let (before, count) = (try await pushes(), try await found())
        try await eventually("a trace") { try await found() > count }
        return try await pushes() == before ? (before, try await found()) : nil
      }
      #expect(quiet.pushes.contains { $0.hasPrefix("kuma_xds_streams 1") })
      try await eventually("three more traces") { try await found() >= quiet.found + 3 }
      #expect(try await pushes() == quiet.pushes)
    }
  }

  @Test("is off by a setting, and then has no metrics")
  func off() async throws {
    try await RunningPipeline.with(settings: ["collector.canary.enabled": "false"]) { server in
      let token = try await administratorToken(of: server)
      #expect(try await state(server, token) == ["state": "off"])
      let metrics = try await server.request("GET", server.base(.diagnostics) + "/metrics", token: token).body
      #expect(metrics.contains("kuma_collector_requests_total") && !metrics.contains("kuma_canary"))
    }
  }

  @Test("shows a token that only its process has")
  func token() {
    let (one, other) = (CanaryToken(), CanaryToken())
    #expect(one.user(of: one.text) == CanaryToken.user)
    #expect(one.user(of: other.text) == nil && one.user(of: "") == nil && one.user(of: "mesh-system:canary") == nil)
    #expect(one.text.utf8.count == 43)
  }

  @Test("has an interval of a second or more")
  func interval() throws {
    func load(_ text: String) throws -> ControlPlaneConfiguration {
      try ControlPlaneConfiguration.load(file: nil, environment: ["KUMA_COLLECTOR_CANARY_INTERVAL": text], flags: [:])
        .configuration
    }
    #expect(try load("1s").collector?.canary.interval == .seconds(1))
    for text in ["0", "999ms", "-5s", "soon"] {
      #expect {
        try load(text)
      } throws: { error in
        "\(error)".contains("KUMA_COLLECTOR_CANARY_INTERVAL") && "\(error)".contains("\"\(text)\"")
      }
    }
    let (configuration, _) = try ControlPlaneConfiguration.load(file: nil, environment: [:], flags: [:])
    #expect(configuration.collector?.canary.interval == .seconds(60) && configuration.collector?.canary.enabled == true)
  }
}
