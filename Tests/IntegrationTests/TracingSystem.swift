import Foundation
import MeshModel
import MeshTestSupport
import Synchronization
import Testing

/// A whole mesh: a control plane with its collector, a second collector, an agent, and two services behind real Envoys,
/// `web` (region eu), which calls `api` (region us).
final class TracingSystem: Sendable {
  let controlPlane: ControlPlaneProcess
  let recorder = SpanRecorder()
  let agent = AgentRecorder()
  /// Holds requests for `/held` until it is opened.
  let gate = Gate()
  private let servers = Mutex<[String: Int]>([:])
  private let running = Mutex<[ProxyProcess]>([])

  private init(home: URL, settings: [String: String], launcher: [String] = []) throws {
    controlPlane = try ControlPlaneProcess(home: home, settings: settings, launcher: launcher)
  }

  /// Runs a body with the system, and ends everything afterwards.
  ///
  /// - Parameter launcher: a command in the system's folder that becomes the control plane.
  static func run(
    proxies: Bool = true, settings: [String: String] = [:], launcher: (URL) -> [String] = { _ in [] },
    _ body: @escaping @Sendable (TracingSystem) async throws -> Void
  ) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "tracing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let system = try TracingSystem(home: home, settings: settings, launcher: launcher(home))
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await system.recorder.serve { system.note("recorder", $0) } }
      group.addTask { try await system.agent.serve { system.note("agent", $0) } }
      group.addTask { try await EchoService.serve("web", holding: system.gate) { system.note("web", $0) } }
      group.addTask { try await EchoService.serve("api", holding: system.gate) { system.note("api", $0) } }
      var failure: (any Error)?
      do { try await system.live(proxies: proxies, body) } catch { failure = error }
      // Whoever still waits would keep the servers from ending.
      system.gate.open()
      // Nobody waits for the spans that proxies still have.
      for proxy in system.running.withLock({ $0 }) { await proxy.kill() }
      await system.controlPlane.stop()
      if let failure { throw failure }
    }
  }

  /// Runs a body with a control plane that the body starts, and ends it afterwards.
  static func runWithoutControlPlane(
    settings: [String: String], _ body: (TracingSystem) async throws -> Void
  ) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "tracing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    let system = try TracingSystem(home: home, settings: settings)
    var failure: (any Error)?
    do { try await body(system) } catch { failure = error }
    await system.controlPlane.stop()
    if let failure { throw failure }
  }

  private func live(proxies: Bool, _ body: (TracingSystem) async throws -> Void) async throws {
    try await controlPlane.start()
    if proxies {
      for (name, region, calls) in [("web", "eu", "api"), ("api", "us", "web")] {
        try await start(name, tags: ["region": region], calls: calls)
      }
      for proxy in running.withLock({ $0 }) { try await proxy.waitUntilServing() }
    }
    try await body(self)
  }

  /// Starts a proxy of a service that calls one other.
  @discardableResult
  func start(
    _ name: String, service: String? = nil, tags: [String: String] = [:], inboundPort: Int? = nil,
    outboundPort: Int? = nil, calls: String, namesAdminPort: Bool = true, drainTime: String = "1s"
  ) async throws -> ProxyProcess {
    try await start(
      name, service: service, tags: tags, inboundPort: inboundPort, outboundPort: outboundPort, calls: [calls],
      namesAdminPort: namesAdminPort, drainTime: drainTime)
  }

  /// Starts a proxy.
  @discardableResult
  func start(
    _ name: String, service: String? = nil, tags: [String: String] = [:], inboundPort: Int? = nil,
    outboundPort: Int? = nil, calls: [String], namesAdminPort: Bool = true, drainTime: String = "1s"
  ) async throws -> ProxyProcess {
    let proxy = try await ProxyProcess.start(
      name, service: service, tags: tags, applicationPort: try await port(of: service ?? name),
      inboundPort: inboundPort, outboundPort: outboundPort, calls: calls, namesAdminPort: namesAdminPort,
      drainTime: drainTime, controlPlane: controlPlane)
    running.withLock { $0.append(proxy) }
    return proxy
  }

  /// Tells where a server of the tests, or an application behind a proxy, listens.
  func note(_ server: String, _ port: Int) { servers.withLock { $0[server] = port } }

  /// The port of a server of the tests.
  func port(of server: String) async throws -> Int {
    try await eventually("the server \(server)") { servers.withLock { $0[server] ?? $0["api"] } }
  }

  func proxy(_ name: String) throws -> ProxyProcess {
    try #require(running.withLock { $0.first { $0.name == name } })
  }

  /// The proxies that have been started.
  var proxies: [ProxyProcess] { running.withLock { $0 } }

  /// Sends requests from web to api, so that both proxies see each of them.
  func call(_ path: String, times: Int = 10) async throws {
    let port = try proxy("web").outboundPort
    for _ in 0..<times {
      let answer = try await HTTPProbe.get(port: port, path)
      #expect(answer?.status == 200, "\(path) was answered with \(String(describing: answer?.status))")
    }
  }

  /// Sends requests until spans fulfil a condition: Envoy sends them five at a time.
  func call(
    _ path: String, untilSpans what: String, of collector: @Sendable () async throws -> [SpanRecorder.Span],
    fit condition: @Sendable ([SpanRecorder.Span]) -> Bool
  ) async throws {
    try await eventually("spans of \(path): \(what)") {
      try await call(path, times: 5)
      return condition(try await collector())
    }
  }

  // MARK: Resources

  /// The address of the second collector.
  func recorderURL() async throws -> String { "http://127.0.0.1:\(try await port(of: "recorder"))/api/v2/spans" }

  /// The address of the control plane's own collector.
  var embeddedURL: String { "http://127.0.0.1:\(controlPlane.ports.collector)/api/v2/spans" }

  /// The documentation's mesh with another address, as YAML.
  static func mesh(
    backends: [(name: String, url: String)], sampling: String = "100.0", apiVersion: String? = nil
  ) -> String {
    var text = "type: Mesh\nname: default\ntracing:\n  defaultBackend: \(backends[0].name)\n  backends:\n"
    for backend in backends {
      text +=
        "  - name: \(backend.name)\n    type: zipkin\n    sampling: \(sampling)\n    conf:\n      url: \(backend.url)\n"
      if let apiVersion { text += "      apiVersion: \(apiVersion)\n" }
    }
    return text
  }

  /// A policy as YAML.
  static func policy(
    _ name: String = "trace-all-traffic", match: [String: String] = ["kuma.io/service": "'*'"], backend: String
  ) -> String {
    let tags = match.sorted { $0.key < $1.key }.map { "    \($0.key): \($0.value)\n" }.joined()
    return """
      type: TrafficTrace
      name: \(name)
      mesh: default
      selectors:
      - match:
      \(tags)conf:
        backend: \(backend)

      """
  }
}
