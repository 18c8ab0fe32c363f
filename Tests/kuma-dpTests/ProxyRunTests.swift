import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshClient
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

@testable import kuma_dp

/// The program as a process, with the real Envoy, against a control plane of the test.
@Suite("A run", .enabled(if: realEnvoy != nil), .serialized, .timeLimit(.minutes(15)))
struct ProxyRunTests {
  /// Runs the program with a definition against a control plane.
  private func withProxy(
    _ responder: @escaping LoopbackServer.Responder, _ arguments: [String] = [], environment: [String: String] = [:],
    _ body: @escaping @Sendable (ProxyProcess, TemporaryFolder, _ base: String) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(TestControlPlane.definition, to: "web.yaml")
    try await LoopbackServer.run(responder) { base in
      let proxy = try ProxyProcess.start(
        in: folder, ["run", "-d", file, "--cp-address", base] + arguments, environment: environment)
      do {
        try await body(proxy, folder, base)
      } catch {
        Issue.record("\(error)\n\(proxy.text)")
      }
      await proxy.child.end(within: .zero)
    }
  }

  @Test("begins with Envoy and, told to end, leaves nothing")
  func startAndEnd() async throws {
    try await withProxy(TestControlPlane.responder(), ["--admin-port", "\(LoopbackPort.any()?.number ?? 0)"]) {
      proxy, folder, _ in
      let envoy = try await proxy.envoy()
      #expect(ProxyProcess.isAlive(envoy))
      // The configuration is in a folder of the run's own, and carries the Dataplane.
      let name = try #require(try folder.names.first { $0.hasPrefix("kuma-dp-") })
      let file = "\(folder.path)/\(name)/bootstrap.yaml"
      #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
      let document = try #require(try DocumentValue.yamlDocuments(String(contentsOfFile: file, encoding: .utf8)).first)
      #expect(document["node"]?["metadata"]?["dataplane.resource"]?.string?.contains("21080") == true)
      // What the line says is there is there.
      let admin = try await proxy.administration()
      try await eventually(deadline: ProxyProcess.deadline, "the administration interface") {
        (try? await admin.text("/server_info"))?.contains("default.web-1") == true
      }
      proxy.child.signal(.terminate)
      #expect(try await proxy.exitCode() == 0)
      #expect(!ProxyProcess.isAlive(envoy))
      #expect(try folder.names == ["web.yaml"])
      #expect(proxy.lines.last?.hasSuffix("Envoy has ended") == true)
    }
  }

  @Test("ends its Envoy when it is killed itself")
  func killed() async throws {
    try await withProxy(TestControlPlane.responder(), ["--admin-port", "0"]) { proxy, _, _ in
      let envoy = try await proxy.envoy()
      proxy.child.signal(.kill)
      #expect(try await proxy.exitCode() == 137)
      try await eventually(deadline: ProxyProcess.deadline, "the end of Envoy") { !ProxyProcess.isAlive(envoy) }
    }
  }

  @Test("ends when its Envoy does, with the same code")
  func envoyKilled() async throws {
    try await withProxy(TestControlPlane.responder()) { proxy, folder, _ in
      let envoy = try await proxy.envoy()
      kill(envoy, SIGKILL)
      #expect(try await proxy.exitCode() == 137)
      #expect(proxy.lines.last == "Error: Envoy was ended by signal 9 (SIGKILL)")
      #expect(try folder.names == ["web.yaml"])
    }
  }

  @Test("tells why Envoy does not take its configuration")
  func badBootstrap() async throws {
    let bootstrap = "node: {id: a.b, cluster: c}\nstaticResources: {clusters: [{name: x, typo: 1}]}\n"
    try await withProxy(TestControlPlane.giving(bootstrap)) { proxy, folder, _ in
      #expect(try await proxy.exitCode() == 1)
      let last = try #require(proxy.lines.last)
      #expect(last.hasPrefix("Error: Envoy ended with exit code 1: "))
      #expect(last.contains("typo"))
      #expect(try folder.names == ["web.yaml"])
    }
  }

  @Test("can be ended while there is no control plane")
  func endedEarly() async throws {
    try await withProxy({ _, _ in (HTTPResponse(status: .serviceUnavailable), []) }) { proxy, folder, _ in
      try await proxy.line("it answered with status 503")
      proxy.child.signal(.interrupt)
      #expect(try await proxy.exitCode() == 130)
      #expect(proxy.lines.last == "Error: stopped before Envoy was started")
      #expect(try folder.names == ["web.yaml"])
    }
  }

  @Test("waits for the control plane, and says once that it does not verify it")
  func waits() async throws {
    let folder = try TemporaryFolder()
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let address = "https://127.0.0.1:\(occupied.number)"
    let proxy = try ProxyProcess.start(
      in: folder, ["run", "--dataplane", TestControlPlane.definition, "--cp-address", address],
      environment: ["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION": "200ms"])
    #expect(try await proxy.exitCode() == 1)
    #expect(proxy.lines.count { $0.contains("the control plane is not verified") } == 1)
    #expect(
      proxy.lines.last
        == "Error: no bootstrap from the control plane at \(address) within 200 ms: connection refused")
  }

  @Test("takes the definition from standard input")
  func standardInput() async throws {
    let folder = try TemporaryFolder()
    let arguments = ["run", "--dataplane-file", "-"]
    let empty = try ProxyProcess.start(in: folder, input: "", arguments)
    #expect(try await empty.exitCode() == 1)
    #expect(empty.lines == ["Error: standard input: it contains no Dataplane"])
    let coloured = try ProxyProcess.start(in: folder, input: #"type: "a\e[31mb""#, arguments)
    #expect(try await coloured.exitCode() == 1)
    #expect(coloured.lines == [#"Error: standard input: invalid resource type "a\u{1b}[31mb""#])
    try await LoopbackServer.run(TestControlPlane.responder()) { base in
      let text = TestControlPlane.definition.replacing("web-1", with: "{{name}}")
      let proxy = try ProxyProcess.start(
        in: folder, input: text, arguments + ["-v", "name=web-9", "--cp-address", base, "--admin-port", "0"])
      try await proxy.line("the bootstrap of default/web-9")
      _ = try await proxy.envoy()
      proxy.child.signal(.terminate)
      #expect(try await proxy.exitCode() == 0)
    }
  }

  @Test("tells what the control plane refuses")
  func refused() async throws {
    try await withProxy({ _, _ in (HTTPResponse(status: .unprocessableContent), Array("no token".utf8)) }) {
      proxy, _, base in
      let code = try await proxy.exitCode()
      #expect(code == 1)
      #expect(proxy.lines.last == "Error: the control plane at \(base) refuses the proxy: no token")
    }
  }

  @Test("does without the port that the control plane chose when that is taken, and says so when it was asked for")
  func portTaken() async throws {
    // The control plane's own port is one that is taken.
    let responder: LoopbackServer.Responder = { request, body in
      let port = request.authority?.split(separator: ":").last.flatMap { UInt32($0) } ?? 0
      return await TestControlPlane.responder(adminPort: port)(request, body)
    }
    try await withProxy(responder) { proxy, _, base in
      let taken = base.split(separator: ":").last.map(String.init) ?? ""
      try await proxy.line("port \(taken) is taken; Envoy's administration interface gets port ")
      _ = try await proxy.envoy()
      proxy.child.signal(.terminate)
      #expect(try await proxy.exitCode() == 0)

      let folder = try TemporaryFolder()
      let second = try ProxyProcess.start(
        in: folder,
        [
          "run", "--dataplane", TestControlPlane.definition, "--cp-address", base, "--admin-port", taken,
        ])
      #expect(try await second.exitCode() == 1)
      #expect(
        second.lines.last?.hasPrefix("Error: port \(taken) of 127.0.0.1, for Envoy's administration") == true)
    }
  }

  @Test("does not get into the way of another that begins at the same time")
  func together() async throws {
    let chosen = try #require(LoopbackPort.any()).number
    let folder = try TemporaryFolder()
    try await LoopbackServer.run(TestControlPlane.responder(adminPort: UInt32(chosen))) { base in
      let runs = try (0..<4).map { _ in
        try ProxyProcess.start(
          in: folder, ["run", "--dataplane", TestControlPlane.definition, "--cp-address", base])
      }
      var interfaces: Set<String> = []
      for run in runs {
        let line = try await run.line("its administration interface is http://127.0.0.1:")
        interfaces.insert(String(line[(line.lastIndex(of: ":") ?? line.startIndex)...]))
      }
      #expect(interfaces.count == runs.count)
      for run in runs { run.child.signal(.terminate) }
      for run in runs { #expect(try await run.exitCode() == 0, "\(run.text)") }
      #expect(try folder.names.isEmpty)
    }
  }

  @Test("is impossible without Envoy")
  func noEnvoy() async throws {
    let folder = try TemporaryFolder()
    let proxy = try ProxyProcess.start(in: folder, ["run", "--name", "web"], environment: ["ENVOY": "/nowhere/envoy"])
    #expect(try await proxy.exitCode() == 1)
    #expect(
      proxy.lines == [
        "Error: there is no Envoy: ENVOY names /nowhere/envoy, which does not exist; give the path of Envoy's executable"
      ])
    #expect(try folder.names.isEmpty)
  }

  @Test("is refused with a hint where an option is misspelt")
  func misspelt() async throws {
    let folder = try TemporaryFolder()
    let proxy = try ProxyProcess.start(in: folder, ["run", "--nme", "web"])
    #expect(try await proxy.exitCode() == 64)
    #expect(proxy.text.contains("--name"))
  }

  @Test("tells its version")
  func version() async throws {
    let folder = try TemporaryFolder()
    let plain = try ProxyProcess.start(in: folder, ["version"])
    #expect(try await plain.exitCode() == 0)
    #expect(plain.text == "\(ProductVersion.product) \(ProductVersion.current)")
    let detailed = try ProxyProcess.start(in: folder, ["version", "--detailed"])
    #expect(try await detailed.exitCode() == 0)
    #expect(
      detailed.lines.map { $0.prefix { $0 != ":" } } == ["Product", "Version", "Git Tag", "Git Commit", "Build Date"])
  }

  // MARK: Requests in flight

  /// An Envoy with a listener before the server of the test.
  private static func bootstrap(listener: UInt16, admin: UInt16, upstream: String) -> String {
    func address(_ port: String) -> String { "{socketAddress: {address: 127.0.0.1, portValue: \(port)}}" }
    return """
      node: {id: default.web-1, cluster: web}
      admin: {address: \(address("\(admin)"))}
      layeredRuntime:
        layers:
        - {name: kuma, staticLayer: {tracing.zipkin.flush_interval_ms: 1000}}
        - {name: admin, adminLayer: {}}
      staticResources:
        listeners:
        - name: inbound
          address: \(address("\(listener)"))
          filterChains:
          - filters:
            - name: envoy.filters.network.http_connection_manager
              typedConfig:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                statPrefix: inbound
                routeConfig:
                  virtualHosts:
                  - name: all
                    domains: ["*"]
                    routes: [{match: {prefix: /}, route: {cluster: upstream, timeout: 0s}}]
                httpFilters:
                - name: envoy.filters.http.router
                  typedConfig: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
        clusters:
        - name: upstream
          connectTimeout: 5s
          loadAssignment:
            clusterName: upstream
            endpoints: [{lbEndpoints: [{endpoint: {address: \(address(upstream))}}]}]
      """
  }

  /// The status that a client got, 0 for none.
  private final class Answered: Sendable {
    let status = Mutex<Int?>(nil)
  }

  /// Runs a proxy and has it answer a request; the server answers when it is told to.
  func withRequestInFlight(
    _ body:
      @escaping @Sendable (
        _ proxy: ProxyProcess, _ envoy: Int32, _ answer: @Sendable () -> Void,
        _ status: @Sendable () async throws -> Int
      ) async throws -> Void
  ) async throws {
    // Nobody else gets the port of the listener until the test ends. The program itself asks for the other one.
    let held = try #require(LoopbackPort.any())
    defer { withExtendedLifetime(held) {} }
    let (listener, admin) = (held.number, try #require(LoopbackPort.any()).number)
    let isAsked = Mutex(false)
    let (answers, answer) = AsyncStream<Void>.makeStream()
    let responder: LoopbackServer.Responder = { request, _ in
      guard request.path == "/slow" else {
        let port = request.authority?.split(separator: ":").last.map(String.init) ?? "0"
        let text = Self.bootstrap(listener: listener, admin: admin, upstream: port)
        return (HTTPResponse(status: .ok), Array(text.utf8))
      }
      isAsked.withLock { $0 = true }
      for await _ in answers { break }
      return (HTTPResponse(status: .ok), Array("done".utf8))
    }
    try await withProxy(responder) { proxy, _, _ in
      let envoy = try await proxy.envoy()
      let client = ControlPlaneClient(
        address: try ControlPlaneAddress("http://127.0.0.1:\(listener)"),
        settings: ControlPlaneClient.Settings(timeout: .seconds(120)))
      try await eventually(deadline: ProxyProcess.deadline, "the listener") { !LoopbackPort.isFree(listener) }
      let answered = Answered()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          let answer = try? await client.exchange(.get, "/slow")
          answered.status.withLock { $0 = answer?.status ?? 0 }
        }
        try await eventually(deadline: ProxyProcess.deadline, "the request") { isAsked.withLock { $0 } }
        try await body(
          proxy, envoy, { answer.yield() },
          { try await eventually(deadline: ProxyProcess.deadline, "the answer") { answered.status.withLock { $0 } } })
        answer.finish()
        group.cancelAll()
      }
    }
  }

  @Test("ends when the requests in flight are answered")
  func drained() async throws {
    try await withRequestInFlight { proxy, envoy, answer, status in
      proxy.child.signal(.terminate)
      try await proxy.line("waiting for 1 requests or connections in flight, 30 s at most")
      #expect(ProxyProcess.isAlive(envoy))
      // Spans that end from now on hardly wait.
      let admin = try await proxy.administration()
      let runtime = try DocumentValue(json: Array(try await admin.text(ReportTiming.path).utf8))
      #expect(runtime["entries"]?["tracing.zipkin.flush_interval_ms"]?["final_value"] == "5")
      answer()
      #expect(try await status() == 200)
      #expect(try await proxy.exitCode() == 0)
      #expect(!ProxyProcess.isAlive(envoy))
    }
  }

  @Test("ends at once when it is told so a second time")
  func secondSignal() async throws {
    try await withRequestInFlight { proxy, envoy, _, status in
      proxy.child.signal(.interrupt)
      try await proxy.line("waiting for 1 requests or connections in flight")
      proxy.child.signal(.interrupt)
      #expect(try await proxy.exitCode() == 130)
      #expect(!ProxyProcess.isAlive(envoy))
      #expect(try await status() != 200)
    }
  }
}
