import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Requests under load are counted, and so are their spans in the collector, while real Envoys change and end.
@Suite(
  "No span is lost under load", .heavy, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct NothingLostTests {
  /// Each client's pause between two requests in milliseconds: some are quick; others hold a connection for as long as they can.
  ///
  /// Envoy gives a report in JSON up after 5 seconds, so the clients ask for no more than a collector that is built for debugging
  /// answers in time on a busy machine.
  private static let clients = [20, 20, 40, 40] + Array(repeating: 400, count: 12)

  private static func mesh(_ system: TracingSystem, _ apiVersion: String, sampling: String = "100.0") -> String {
    TracingSystem.mesh(backends: [("main", system.embeddedURL)], sampling: sampling, apiVersion: apiVersion) + "---\n"
      + TracingSystem.policy(backend: "main")
  }

  /// Waits for some more answers.
  private static func wait(for answers: Int, _ load: RequestLoad) async throws {
    let before = load.answers
    try await eventually("\(answers) more answers") { load.answers >= before + answers }
  }

  /// Expects the spans of both sides for each answer.
  private static func expectSpans(_ system: TracingSystem, _ outcome: RequestLoad.Outcome, _ what: String) async throws
  {
    let answers = outcome.answered.mapValues(\.count)
    #expect(answers[200] ?? 0 > 500, "\(what): \(answers)")
    print("\(what): \(answers), \(outcome.unansweredWords), \(outcome.connections) connections")
    for (status, traces) in outcome.answered {
      // Other answers come from the caller's proxy alone, or from both: the callee's proxy was ending.
      try await system.controlPlane.expectSpans(status == 200 ? 2...2 : 1...2, ofEach: traces, what)
    }
  }

  /// With a sampling of 1 % nothing in Envoy tells how many spans wait: callers ask for them.
  @Test("in a rolling restart of four proxies", arguments: [("httpJson", "100.0"), ("auto", "100.0"), ("auto", "1.0")])
  func rollingRestart(apiVersion: String, sampling: String) async throws {
    try await TracingSystem.run(proxies: false) { system in
      try await system.controlPlane.apply(Self.mesh(system, apiVersion, sampling: sampling))
      let replicas = [("web", "api"), ("api", "web")].flatMap { service, calls in
        (1...2).map { (name: "\(service)-\($0)", service: service, calls: calls) }
      }
      var proxies: [String: ProxyProcess] = [:]
      for replica in replicas {
        proxies[replica.name] = try await system.start(replica.name, service: replica.service, calls: replica.calls)
      }
      for proxy in proxies.values {
        try await proxy.waitForSlowCollector()
        try await proxy.waitUntilServing()
      }
      let web = ["web-1", "web-2"].compactMap { proxies[$0] }
      let load = RequestLoad(ports: web.map(\.outboundPort), clients: Self.clients)
      for replica in replicas {
        try await Self.wait(for: 300, load)
        let old = try #require(proxies[replica.name])
        await old.stop()
        #expect(old.process.currentExitStatus?.isSuccess == true, "\(old.log.tail())")
        proxies[replica.name] = try await system.start(
          replica.name, service: replica.service, inboundPort: old.inboundPort, outboundPort: old.outboundPort,
          calls: replica.calls)
        try await proxies[replica.name]?.waitForSlowCollector()
        try await proxies[replica.name]?.waitUntilServing()
      }
      try await Self.wait(for: 300, load)
      try await Self.expectSpans(system, await load.stop(), "restart with \(apiVersion), \(sampling) %")
    }
  }

  @Test("when a backend changes its form, from JSON to protobuf and back")
  func formChanges() async throws {
    try await TracingSystem.run(proxies: false) { system in
      try await system.controlPlane.apply(Self.mesh(system, "httpJson"))
      for (name, calls) in [("web", "api"), ("api", "web")] {
        try await system.start(name, calls: calls, drainTime: "2s")
      }
      for proxy in system.proxies {
        try await proxy.waitForSlowCollector()
        try await proxy.waitUntilServing()
      }
      for proxy in system.proxies { try await proxy.waitForTracers("HTTP_JSON") }
      let load = RequestLoad(ports: [try system.proxy("web").outboundPort], clients: Self.clients)
      for form in ["auto", "httpProto", "httpJson", "auto", "httpJson"] {
        try await Self.wait(for: 300, load)
        try await system.controlPlane.apply(Self.mesh(system, form))
        for proxy in system.proxies { try await proxy.waitForTracers(form == "httpJson" ? "HTTP_JSON" : "HTTP_PROTO") }
      }
      for proxy in system.proxies {
        try await eventually("\(proxy.name)'s end of draining") {
          try await proxy.counters("total_listeners_draining").values.allSatisfy { $0 == 0 }
        }
      }
      try await Self.wait(for: 300, load)
      try await Self.expectSpans(system, await load.stop(), "change of form")
    }
  }
}
