import Foundation
import MeshModel
import MeshTestSupport
import PostgresTestSupport
import ProcessSupervisor
import ProxySimulation
import Testing

/// Two real control planes over one real database.
@Suite("Several control planes over PostgreSQL", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct SharedStoreTests {
  static func settings(_ server: PostgresServer, _ database: String) -> [String: String] {
    [
      "KUMA_STORE_TYPE": "postgres", "KUMA_STORE_POSTGRES_HOST": "127.0.0.1",
      "KUMA_STORE_POSTGRES_PORT": "\(server.port)", "KUMA_STORE_POSTGRES_USER": PostgresServer.user,
      "KUMA_STORE_POSTGRES_PASSWORD": PostgresServer.password, "KUMA_STORE_POSTGRES_DB_NAME": database,
      "KUMA_STORE_POSTGRES_CONNECTION_TIMEOUT": "5", "KUMA_STORE_POSTGRES_MIN_RECONNECT_INTERVAL": "50ms",
      "KUMA_STORE_POSTGRES_MAX_RECONNECT_INTERVAL": "500ms",
    ]
  }

  private let outageSeconds = ProcessInfo.processInfo.environment["OUTAGE_SECONDS"].flatMap { Int($0) } ?? 0

  /// A simulated proxy that brings its Dataplane along.
  private static func newcomer(at controlPlane: ControlPlaneProcess) -> ProxyFleet {
    var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
    settings.isSecure = true
    settings.dataplane = { _ in
      """
      type: Dataplane
      mesh: default
      name: newcomer
      networking:
        address: 127.0.0.1
        inbound:
        - port: 19999
          servicePort: 19998
          tags: {kuma.io/service: newcomer, kuma.io/protocol: http}
        outbound:
        - port: 19997
          tags: {kuma.io/service: api}
      """
    }
    return ProxyFleet(nodeIDs: ["default.newcomer"], settings: settings)
  }

  /// Runs a body with a server of its own and the settings that lead there.
  static func withDatabase(_ body: (PostgresServer, [String: String]) async throws -> Void) async throws {
    let server = try await PostgresServer.start()
    var failure: (any Error)?
    do { try await body(server, settings(server, try await server.makeDatabase())) } catch { failure = error }
    await server.remove()
    if let failure { throw failure }
  }

  /// A second control plane beside the system's, which ends with the body.
  private static func withSecond(
    of system: TracingSystem, _ settings: [String: String], _ body: (ControlPlaneProcess) async throws -> Void
  ) async throws {
    let home = system.controlPlane.home.appending(path: "second")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    let second = try ControlPlaneProcess(home: home, settings: settings)
    var failure: (any Error)?
    do { try await body(second) } catch { failure = error }
    await second.stop()
    if let failure { throw failure }
  }

  @Test(
    "a change at one reaches Envoys of the other, through an outage of the database",
    .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
  func outage() async throws {
    try await Self.withDatabase { server, settings in
      try await TracingSystem.run(settings: settings) { system in
        try await Self.withSecond(of: system, settings) { second in
          try await second.start()
          let first = system.controlPlane
          #expect(try await second.get("/")["clusterId"] == (try await first.get("/")["clusterId"]))

          let url = try await system.recorderURL()
          let policy = "---\n" + TracingSystem.policy(backend: "b")
          try await second.apply(TracingSystem.mesh(backends: [("b", url)]) + policy)
          for proxy in system.proxies {
            try await proxy.waitForTracing("100 %") { $0["overall_sampling"]?["value"]?.number == 100 }
          }
          // The second one knows the proxies of the first.
          for name in ["web", "api"] {
            try await eventually("\(name) at the second") {
              try await second.subscription(of: name)?["status"]?["lds"]?["responsesAcknowledged"]?.string != nil
            }
          }

          await server.stop()
          let body = #"{"type":"Mesh","name":"new"}"#
          for controlPlane in [first, second] {
            let refused = try #require(try await HTTPProbe.put(port: controlPlane.ports.api, "/meshes/new", body))
            #expect(refused.status == 503, "\(refused.text)")
            #expect(refused.text.contains("cannot be reached"), "\(refused.text)")
            #expect(!refused.text.contains(PostgresServer.password))
            #expect(try await HTTPProbe.get(port: controlPlane.ports.api, "/meshes/default")?.status == 200)
          }
          try await system.call("/during-the-outage", times: 3)
          // A proxy that is known comes back and is served although nothing can be written.
          let web = try system.proxy("web")
          #expect(try await web.tracing()?.count == 2)
          // One that nobody knew gets what its mesh said last, and is registered once that can be done.
          let newcomer = Self.newcomer(at: second)
          let running = Task { await newcomer.run() }
          defer { running.cancel() }
          try await eventually("a configuration for a new proxy") {
            newcomer.proxies[0].held[SimulatedType.listeners]?.contents.isEmpty == false
          }
          #expect(try await HTTPProbe.get(port: second.ports.api, "/meshes/default/dataplanes/newcomer")?.status == 404)
          // As long as the administrator needs: OUTAGE_SECONDS makes it longer.
          let end = ContinuousClock.now + .seconds(outageSeconds)
          try await eventually(deadline: .seconds(outageSeconds + 60), "the end of the outage") {
            ContinuousClock.now >= end
          }
          try await system.call("/later-in-the-outage", times: 3)
          #expect(newcomer.proxies[0].streams == 1)

          try await server.start()
          try await eventually("a write that is taken") {
            try await HTTPProbe.put(port: second.ports.api, "/meshes/new", body)?.status == 201
          }
          try await eventually("the new proxy at the first") {
            try await HTTPProbe.get(port: first.ports.api, "/meshes/default/dataplanes/newcomer")?.status == 200
          }
          #expect(newcomer.proxies[0].streams == 1)
          running.cancel()
          await running.value
          try await eventually("its removal") {
            try await HTTPProbe.get(port: first.ports.api, "/meshes/default/dataplanes/newcomer")?.status == 404
          }
          try await second.apply(TracingSystem.mesh(backends: [("b", url)], sampling: "50"))
          for proxy in system.proxies {
            try await proxy.waitForTracing("50 %") { $0["overall_sampling"]?["value"]?.number == 50 }
          }
          #expect(try await first.get("/meshes/default/dataplanes")["total"] == 2)

          // When a control plane is killed, what its proxies are is left to those who find them: nothing is lost at once.
          await second.kill()
          #expect(try await first.get("/meshes/default/dataplanes")["total"] == 2)
          try await second.start()
          #expect(try await second.get("/meshes/default/dataplanes")["total"] == 2)
          for name in ["web", "api"] {
            let subscription = try await second.subscription(of: name)
            #expect(subscription?["disconnectTime"] == nil, "\(name) belongs to the other and is online")
          }
          for controlPlane in [first, second] {
            #expect(!controlPlane.log.all.contains { $0.contains(PostgresServer.password) })
          }
          let effective = try await first.get("/config")
          #expect(effective["store"]?["postgres"]?["password"] == "*****")
        }
      }
    }
  }

  @Test("two that start at once before the database is there wait, share the first mesh, and see each other's writes")
  func startTogether() async throws {
    try await Self.withDatabase { server, settings in
      await server.stop()
      try await TracingSystem.runWithoutControlPlane(settings: settings) { system in
        try await Self.withSecond(of: system, settings) { second in
          let both = [system.controlPlane, second]
          for controlPlane in both {
            try controlPlane.launch()
            try await eventually("a message") {
              controlPlane.log.all.contains { $0.contains("the database cannot be reached") && $0.contains("retry") }
            }
          }
          try await server.start()
          for controlPlane in both {
            try await eventually("readiness") { try await controlPlane.isReady }
          }
          #expect(both.count { $0.log.all.contains { $0.contains("mesh created") } } == 1)
          #expect(
            try await HTTPProbe.put(port: second.ports.api, "/meshes/m", #"{"type":"Mesh","name":"m"}"#)?.status == 201)
          try await eventually("the mesh at the other") {
            try await HTTPProbe.get(port: system.controlPlane.ports.api, "/meshes/m")?.status == 200
          }
        }
      }
    }
  }

  @Test("a start that waits for the database ends at once when it is asked to", arguments: [SIGINT, SIGTERM])
  func interrupted(signal: Int32) async throws {
    try await Self.withDatabase { server, settings in
      await server.stop()
      try await TracingSystem.runWithoutControlPlane(settings: settings) { system in
        let controlPlane = system.controlPlane
        let process = try controlPlane.launch()
        try await eventually("a message") {
          controlPlane.log.all.contains { $0.contains("the database cannot be reached") }
        }
        process.signal(ProcessSignal(rawValue: signal))
        #expect(await process.end(within: .seconds(20)) == .exited(0), "\(controlPlane.log.tail())")
      }
    }
  }
}
