import Documents
import Foundation
import MeshModel
import MeshTestSupport
import Testing

/// The canary of the real program.
@Suite("The canary of the running program", .fewAtATime, .timeLimit(.minutes(60))) struct CanaryTests {
  private static func state(_ port: Int, token: String? = nil) async throws -> DocumentValue? {
    let headers = token.map { ["authorization": "Bearer \($0)"] } ?? [:]
    guard let answer = try await HTTPProbe.get(port: port, "/api/canary", headers: headers), answer.status == 200 else {
      return nil
    }
    return try DocumentValue(json: answer.body)
  }

  private static func count(_ state: DocumentValue?, _ name: String) -> Int64 {
    if case .integer(let count) = state?[name] { return count }
    return 0
  }

  @Test("it is found again and again, also after a restart, and no list, count or page of metrics has its spans")
  func found() async throws {
    try await ControlPlaneProcess.run(settings: ["KUMA_COLLECTOR_CANARY_INTERVAL": "1s"]) { controlPlane in
      let port = controlPlane.ports.collector
      let first = try await eventually("three traces") {
        let state = try await Self.state(port)
        return Self.count(state, "found") >= 3 ? state : nil
      }
      #expect(first["state"]?.string == "found" && Self.count(first, "lost") == 0 && Self.count(first, "refused") == 0)
      let id = try #require(first["traceId"]?.string)
      await controlPlane.stop()
      try await controlPlane.start()
      try await eventually("a trace after the restart") { Self.count(try await Self.state(port), "found") >= 1 }
      // One of the earlier run is there, by its id.
      #expect(try await HTTPProbe.get(port: port, "/api/v2/trace/\(id)")?.status == 200)
      for path in [
        "/api/v2/services", "/api/v2/traces?limit=1000", "/api/v2/spans?serviceName=kuma-trace-canary",
        "/api/v2/dependencies?endTs=4102444800000&lookback=4102444800000",
      ] {
        #expect(try await HTTPProbe.get(port: port, path)?.text == "[]", "\(path)")
      }
      for path in ["/api/summaries?limit=1000", "/api/graph", "/api/propagation", "/api/export/zipkin?limit=1000"] {
        let answer = try #require(try await HTTPProbe.get(port: port, path))
        #expect(answer.status == 200 && !answer.text.contains("canary") && !answer.text.contains(id), "\(path)")
      }
      let found = try #require(
        try await HTTPProbe.get(port: port, "/api/v2/traces?canary=true&serviceName=kuma-trace-canary&limit=100"))
      #expect(found.text.contains(id))
      for (server, path) in [(controlPlane.ports.diagnostics, "/metrics"), (port, "/prometheus")] {
        let page = try #require(try await HTTPProbe.get(port: server, path)).text
        #expect(!page.contains("\nkuma_canary_traces_total{result=\"found\"} 0\n"))
        for line in [
          "kuma_collector_requests_total", "kuma_collector_spans_total{result=\"stored\"}",
          "kuma_collector_commits_total", "zipkin_storage_spans", "zipkin_collector_messages_total{transport=\"http\"}",
          "zipkin_collector_spans_total{transport=\"http\"}",
        ] where page.contains("\n\(line) ") {
          #expect(page.contains("\n\(line) 0\n"), "\(line)")
        }
      }
    }
  }

  @Test("a store that cannot be written refuses it: logged once with the reason, and once when it is over")
  func refused() async throws {
    try await ControlPlaneProcess.run(settings: ["KUMA_COLLECTOR_CANARY_INTERVAL": "1s"]) { controlPlane in
      let port = controlPlane.ports.collector
      try await eventually("a trace") { Self.count(try await Self.state(port), "found") >= 1 }
      let file = controlPlane.home.appending(path: "cp/traces.db")
      let aside = controlPlane.home.appending(path: "cp/aside.db")
      try FileManager.default.moveItem(at: file, to: aside)
      let state = try await eventually("refusals") {
        let state = try await Self.state(port)
        return Self.count(state, "refused") >= 3 ? state : nil
      }
      #expect(state["state"]?.string == "refused")
      let reason = try #require(state["reason"]?.string)
      #expect(reason.hasPrefix("the collector answers 503: ") && reason.contains("traces.db"), "\(reason)")
      let refusals = controlPlane.log.all.filter { $0.contains("the canary is refused") }
      #expect(refusals.count == 1 && refusals.allSatisfy { $0.contains("traces.db") }, "\(refusals)")
      try FileManager.default.moveItem(at: aside, to: file)
      try await eventually("a trace that is found again") {
        try await Self.state(port)?["state"]?.string == "found"
      }
      try await eventually("the line of the recovery") {
        controlPlane.log.all.count { $0.contains("the canary is found again") } == 1
      }
    }
  }

  @Test("the collector alone has it too: over TLS, with a token that no file names")
  func alone() async throws {
    try await ProtectedCollector.run(["KUMA_COLLECTOR_CANARY_INTERVAL": "1s"]) { collector in
      let token = try await collector.userToken()
      try await eventually("two traces: \(collector.log.tail())") {
        Self.count(try await Self.state(collector.port, token: token), "found") >= 2
      }
      let page = try await collector.send("/prometheus", token: token)
      #expect(page.status == 200 && page.text.contains("\nkuma_canary_traces_total{result=\"refused\"} 0\n"))
      #expect(!collector.log.all.contains { $0.contains("canary") })
    }
  }

  @Test("it ends before the server that it sends to: a stop is in order and says nothing of it")
  func ends() async throws {
    try await ControlPlaneProcess.run(settings: ["KUMA_COLLECTOR_CANARY_INTERVAL": "1s"]) { controlPlane in
      for _ in 0..<3 {
        try await eventually("a trace") {
          Self.count(try await Self.state(controlPlane.ports.collector), "found") >= 1
        }
        await controlPlane.stop()
        try await controlPlane.start()
      }
      #expect(!controlPlane.log.all.contains { $0.contains("canary") }, "\(controlPlane.log.tail())")
      #expect(controlPlane.log.all.count { $0.hasSuffix("stopped") } == 3)
    }
  }
}
