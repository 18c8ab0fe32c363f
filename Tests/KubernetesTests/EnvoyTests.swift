import Documents
import Foundation
import HTTPTypes
import KubernetesTestSupport
import LoopbackTestSupport
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// A real Envoy whose Dataplane was applied with kubectl, in front of an application of the test.
@Suite(.onKubernetes, .heavy, .enabled(if: TestPrograms.envoy != nil, "there is no Envoy"), .timeLimit(.minutes(60)))
struct EnvoyTests {
  @Test("Its spans follow what kubectl applies: tracing, changed sampling, removal")
  func spans() async throws {
    let cluster = try await RunningCluster.shared()
    try await LoopbackServer.run({ _, _ in (HTTPResponse(status: .ok), Array("hello".utf8)) }) { base in
      let mesh = RunningCluster.name("envoy")
      let proxy = try await Self.start(
        in: cluster, mesh: mesh, applicationPort: base.split(separator: ":").last.map(String.init) ?? "")
      var failure: (any Error)?
      do { try await Self.follow(proxy, mesh: mesh, in: cluster) } catch { failure = error }
      // In order, with its last spans sent.
      await proxy.process.terminate(grace: .seconds(30))
      if let failure { throw failure }
      try await Self.count(in: cluster, paths: proxy.paths)
    }
  }

  private struct Proxy {
    var process: ChildProcess
    var inboundPort: Int
    var adminPort: Int
    /// The paths of the requests while all of them are traced, a quarter, and none.
    var paths: (all: String, quarter: String, none: String)
  }

  /// Applies a Dataplane and starts kuma-dp as the sidecar's container would.
  private static func start(in cluster: RunningCluster, mesh: String, applicationPort: String) async throws -> Proxy {
    let server = cluster.server
    var ports = FreePorts()
    let (inbound, admin) = (try ports.take(), try ports.take())
    let namespace = try await server.makeNamespace("envoy")
    let collector = "http://127.0.0.1:\(cluster.controlPlane.ports.collector)/api/v2/spans"
    try await server.apply(RunningCluster.mesh(mesh, url: collector))
    try await server.apply(
      RunningCluster.dataplane("web-1", namespace: namespace, mesh: mesh, service: "web", inbound: inbound)
        .replacing("servicePort: 8080", with: "servicePort: \(applicationPort)")
        .replacing("    address: 127.0.0.1", with: "    address: 127.0.0.1\n    admin: {port: \(admin)}"))
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KUMA_") }
    environment["POD_NAME"] = "web-1"
    environment["POD_NAMESPACE"] = namespace
    environment["KUMA_DATAPLANE_MESH"] = mesh
    environment["KUMA_CONTROL_PLANE_URL"] = "http://127.0.0.1:\(cluster.controlPlane.ports.dataplane)"
    let process = try ChildProcess.start(
      ChildProcess.Command(
        try TestPrograms.path("kuma-dp"),
        ["run", "--binary-path", TestPrograms.envoy ?? "", "--concurrency", "1", "--drain-time", "1s"],
        environment: environment, output: .discard, errors: .file("\(server.folder)/\(mesh).log")))
    return Proxy(
      process: process, inboundPort: inbound, adminPort: admin,
      paths: ("/\(mesh)/all", "/\(mesh)/quarter", "/\(mesh)/none"))
  }

  private static func follow(_ proxy: Proxy, mesh: String, in cluster: RunningCluster) async throws {
    let (server, controlPlane) = (cluster.server, cluster.controlPlane)
    func call(_ path: String, times: Int) async throws {
      for _ in 0..<times {
        let answer = try await controlPlane.answer(port: proxy.inboundPort, path)
        #expect(answer?.status == 200, "\(String(describing: answer))")
      }
    }
    let log = "\(server.folder)/\(mesh).log"
    try await eventually(deadline: .seconds(90), "an answer through Envoy; kuma-dp's log is \(log)") {
      if let status = proxy.process.currentExitStatus {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw ControlPlaneOnKubernetes.Failure(description: "kuma-dp \(status): \(text)")
      }
      return try await controlPlane.answer(port: proxy.inboundPort, "/warm-up")?.status == 200
    }
    try await server.apply(RunningCluster.policy(mesh, mesh: mesh))
    try await waitForSampling(100, proxy, controlPlane)
    try await call(proxy.paths.all, times: 10)

    let collector = "http://127.0.0.1:\(controlPlane.ports.collector)/api/v2/spans"
    try await server.apply(RunningCluster.mesh(mesh, sampling: "25", url: collector))
    try await waitForSampling(25, proxy, controlPlane)
    try await call(proxy.paths.quarter, times: 200)

    try await server.succeed(["delete", "traffictrace", mesh])
    try await waitForSampling(nil, proxy, controlPlane)
    try await call(proxy.paths.none, times: 10)
  }

  /// Waits until Envoy's listener samples a share of the requests; `nil` for a listener without tracing.
  private static func waitForSampling(
    _ percent: Double?, _ proxy: Proxy, _ controlPlane: ControlPlaneOnKubernetes
  ) async throws {
    try await eventually("Envoy with a sampling of \(String(describing: percent))") {
      let answer = try await controlPlane.answer(port: proxy.adminPort, "/config_dump?resource=dynamic_listeners")
      guard let answer, answer.status == 200 else { return false }
      let listeners = try DocumentValue(json: Array(answer.text.utf8))["configs"]?.array ?? []
      // While a newer form warms up or an older one drains, both answer.
      guard listeners.count == 1, listeners[0]["warming_state"] == nil, listeners[0]["draining_state"] == nil,
        let chain = listeners[0]["active_state"]?["listener"]?["filter_chains"]?.array?.first
      else { return false }
      let tracing = chain["filters"]?.array?.last?["typed_config"]?["tracing"]
      guard let percent else { return tracing == nil }
      return tracing?["overall_sampling"]?["value"]?.number == percent
    }
  }

  /// Expects one span for each traced request in the control plane's collector.
  private static func count(
    in cluster: RunningCluster, paths: (all: String, quarter: String, none: String)
  ) async throws {
    let controlPlane = cluster.controlPlane
    let query = "/api/v2/traces?serviceName=web&limit=1000&lookback=3600000"
    let last = Mutex<[String: Int]>([:])
    try? await eventually("the spans") {
      guard let answer = try await controlPlane.answer(port: controlPlane.ports.collector, query) else { return false }
      var counts: [String: Int] = [:]
      for trace in try DocumentValue(json: Array(answer.text.utf8)).array ?? [] {
        for span in trace.array ?? [] {
          let url = span["tags"]?["http.url"]?.string ?? ""
          counts[URLComponents(string: url)?.path ?? "", default: 0] += 1
        }
      }
      last.withLock { [counts] in $0 = counts }
      return counts[paths.all] == 10 && counts[paths.quarter, default: 0] > 0
    }
    let counts = last.withLock { $0 }
    #expect(counts[paths.all] == 10)
    // Fifty are expected; this is more than six standard deviations to either side.
    #expect((10...95).contains(counts[paths.quarter, default: 0]))
    #expect(counts[paths.none] == nil)
  }
}
