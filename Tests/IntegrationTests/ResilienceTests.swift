import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// What must not happen, over the running system with real Envoys.
@Suite(
  "The running system under stress", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct ResilienceTests {
  @Test("a killed control plane is not missed, and pushes nothing again that is unchanged when it is back")
  func restart() async throws {
    try await TracingSystem.run { system in
      let controlPlane = system.controlPlane
      let url = try await system.recorderURL()
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("jaeger-collector", url)]) + "---\n"
          + TracingSystem.policy(backend: "jaeger-collector"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("100 %") { $0["overall_sampling"]?["value"]?.number == 100 }
      }
      let before = try await Self.updates(of: system)
      let names = ["web", "api"]
      var instances: [String: String] = [:]
      for name in names { instances[name] = try await Self.instance(of: name, in: controlPlane) }

      await controlPlane.kill()
      try await system.call("/alone", untilSpans: "of both", of: { system.recorder.spans(path: "/alone") }) {
        Set($0.map(\.service)) == ["web", "api"]
      }

      try await controlPlane.start()
      for name in names {
        try await eventually("\(name)'s return") {
          let subscription = try await controlPlane.subscription(of: name)
          guard subscription?["disconnectTime"] == nil else { return false }
          return subscription?["controlPlaneInstanceId"]?.string != instances[name]
        }
      }
      let found = try await controlPlane.get("/meshes/default/traffic-traces/trace-all-traffic")
      #expect(found["conf"]?["backend"] == "jaeger-collector")

      // A change that concerns the listeners alone shows that the streams are alive and what was sent on them.
      try await controlPlane.apply(TracingSystem.mesh(backends: [("jaeger-collector", url)], sampling: "50"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("50 %") { $0["overall_sampling"]?["value"]?.number == 50 }
      }
      for name in names {
        try await eventually("\(name)'s counts") {
          let status = try await controlPlane.subscription(of: name)?["status"]
          return status?["lds"]?["responsesAcknowledged"] == "1"
        }
        let status = try await controlPlane.subscription(of: name)?["status"]
        #expect(status?["total"]?["responsesSent"] == "1", "\(name): \(String(describing: status))")
      }
      let after = try await Self.updates(of: system)
      for name in names {
        #expect(after[name]?.clusters == before[name]?.clusters, "clusters of \(name)")
        #expect(after[name]?.listeners == (before[name]?.listeners).map { $0 + 1 }, "listeners of \(name)")
      }
    }
  }

  private static func instance(of proxy: String, in controlPlane: ControlPlaneProcess) async throws -> String {
    try await eventually("what is known of \(proxy)") {
      try await controlPlane.subscription(of: proxy)?["controlPlaneInstanceId"]?.string
    }
  }

  /// How often each Envoy has taken an update, by its own count.
  private static func updates(of system: TracingSystem) async throws -> [String: (clusters: Int, listeners: Int)] {
    var result: [String: (clusters: Int, listeners: Int)] = [:]
    for proxy in system.proxies {
      let counters = try await proxy.counters("update_success")
      result[proxy.name] = (
        clusters: counters["cluster_manager.cds.update_success"] ?? -1,
        listeners: counters["listener_manager.lds.update_success"] ?? -1
      )
    }
    return result
  }

  @Test("an Envoy that refuses its configuration is shown, and the others are not disturbed")
  func refusal() async throws {
    try await TracingSystem.run { system in
      let controlPlane = system.controlPlane
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("jaeger-collector", try await system.recorderURL())]) + "---\n"
          + TracingSystem.policy(backend: "jaeger-collector"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("100 %") { $0["overall_sampling"]?["value"]?.number == 100 }
      }
      // Its inbound is where web's Envoy listens already.
      let taken = try system.proxy("web").inboundPort
      let refusing = try await system.start("refusing", inboundPort: taken, calls: "api")
      let rejection = try await eventually("the rejection in the API") {
        try await controlPlane.subscription(of: "refusing")?["status"]?["lastRejection"]
      }
      #expect(rejection["type"] == "lds")
      #expect(rejection["message"]?.string?.contains("\(taken)") == true, "\(rejection)")
      try await eventually("a line in the log") {
        controlPlane.log.all.contains {
          $0.contains("a proxy rejected its configuration") && $0.contains("proxy=default.refusing")
        }
      }
      #expect(refusing.process.currentExitStatus == nil)
      let explanation = try await controlPlane.explanation(of: "refusing")
      #expect(explanation["connection"]?["status"] == "online")
      #expect(explanation["connection"]?["lastRejection"] == rejection)
      #expect(explanation["connection"]?["lastAcknowledgementTime"]?.string != nil, "the clusters were taken")
      let summary = explanation["summary"]?.string ?? ""
      #expect(summary.contains("The running Envoy does not have this configuration: it refused its last listeners"))
      #expect(summary.contains("Free the port and restart kuma-dp"), "\(summary)")

      try await system.call("/undisturbed", untilSpans: "of both", of: { system.recorder.spans(path: "/undisturbed") })
      {
        Set($0.map(\.service)) == ["web", "api"]
      }
      for name in ["web", "api"] {
        let status = try await controlPlane.subscription(of: name)?["status"]
        #expect(status?["total"]?["responsesRejected"] == nil, "\(name)")
      }
    }
  }

  @Test("a proxy that ends takes its Dataplane and its endpoints with it")
  func departure() async throws {
    try await TracingSystem.run { system in
      let controlPlane = system.controlPlane
      #expect(try await controlPlane.get("/meshes/default/dataplanes")["total"] == 2)
      await (try system.proxy("api")).stop()
      try await eventually("one proxy less") {
        try await controlPlane.get("/meshes/default/dataplanes")["total"] == 1
      }
      let web = try system.proxy("web")
      try await eventually("the end of api's endpoints at web") {
        try await HTTPProbe.get(port: web.adminPort, "/clusters")?.text.contains("api::127.0.0.1") == false
      }
    }
  }

  @Test("two control planes on one store: the second says so and leaves the first in peace")
  func secondControlPlane() async throws {
    try await TracingSystem.run(proxies: false) { system in
      let controlPlane = system.controlPlane
      let second = try await Programs.run(
        "kuma-cp",
        [
          "run", "--work-dir", controlPlane.home.appending(path: "cp").path(percentEncoded: false), "--api-port", "0",
          "--api-https-port", "0", "--dp-port", "0", "--diagnostics-port", "0", "--zipkin-port", "0",
        ], home: controlPlane.home)
      #expect(second.status == .exited(1))
      #expect(second.errors.last?.contains("another control plane; stop it") == true, "\(second.errors)")
      #expect(try await HTTPProbe.get(port: controlPlane.ports.diagnostics, "/healthy")?.status == 200)
    }
  }

  @Test(
    "a taken port is named with what to do",
    arguments: ["--api-port", "--api-https-port", "--dp-port", "--diagnostics-port", "--zipkin-port"])
  func takenPort(flag: String) async throws {
    try await TracingSystem.run(proxies: false) { system in
      let taken = try await system.port(of: "web")
      var ports = [
        "--api-port": "0", "--api-https-port": "0", "--dp-port": "0", "--diagnostics-port": "0", "--zipkin-port": "0",
      ]
      ports[flag] = "\(taken)"
      let work = system.controlPlane.home.appending(path: "other").path(percentEncoded: false)
      let outcome = try await Programs.run(
        "kuma-cp", ["run", "--work-dir", work] + ports.flatMap { [$0.key, $0.value] }, home: system.controlPlane.home)
      #expect(outcome.status == .exited(1))
      let last = outcome.errors.last ?? ""
      #expect(last.hasPrefix("Error: ") && last.contains("127.0.0.1:\(taken): the port is taken"), "\(outcome.errors)")
    }
  }
}
