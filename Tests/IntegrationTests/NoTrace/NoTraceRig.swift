import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import TestSupport

/// A mesh with three services that nothing is wrong with, `shop`, which calls `stock`, which calls `prices`, and proxies that leave
/// requests without a trace, each for another reason.
final class NoTraceRig: Sendable {
  /// How a proxy and its Dataplane differ from others.
  struct Shape: Sendable {
    /// The protocol of its inbound; none when `nil`.
    var serviceProtocol: String? = "http"
    /// More tags of its inbound, in YAML.
    var tags = ""
    /// The services behind its outbounds.
    var calls: [String] = []
    /// The port of its inbound; a free one when `nil`.
    var inboundPort: (@Sendable (NoTraceRig) throws -> Int)?
    /// The port of its application; that of the answering Envoy when `nil`.
    var applicationPort: (@Sendable (NoTraceRig) throws -> Int)?
    /// More fields of `networking`, in YAML with two spaces before.
    var networking = ""
    /// More fields of the Dataplane; gets the port of the application and a free port.
    var more: @Sendable (_ application: Int, _ free: Int) -> String = { _, _ in "" }
    /// Whether the Dataplane is applied before, and stays when the proxy ends.
    var isApplied = false
    /// Lines of a shell script that are run before Envoy, and arguments for Envoy.
    var script = ""
    var arguments: @Sendable (NoTraceRig, _ application: Int, _ free: Int) -> String = { _, _, _ in "" }
  }

  let controlPlane: ControlPlaneProcess
  let watch: VerdictWatch
  let load = SteadyLoad()
  let application: AnsweringEnvoy
  /// Calls on behalf of `shop` and `stock`, and of a service that forgets headers.
  let applications = [
    "shop": CallingApplication(copies: true), "stock": CallingApplication(copies: true),
    "forgetful": CallingApplication(copies: false),
  ]
  let swallowing = BesideCollector(host: "127.0.0.2", .swallows)
  /// The same, and no name of the own collector.
  let foreign = BesideCollector(host: "127.0.0.4", .swallows)
  let losing = BesideCollector(host: "127.0.0.3", .loses(oneIn: 100))
  /// A port that refuses connections, and one that takes them and answers nothing.
  let refusing: OccupiedPort
  let silent: OccupiedPort
  private let servers = Mutex<[String: Int]>([:])
  private let running = Mutex<[String: ProxyProcess]>([:])
  private let tasks = Mutex<[Task<Void, Never>]>([])
  private let freePorts = Mutex<[String: Int]>([:])

  static let healthy = ["shop", "stock", "prices"]

  private init(home: URL, settings: [String: String]) throws {
    controlPlane = try ControlPlaneProcess(
      home: home, settings: ["KUMA_GENERAL_ALLOWED_HOSTS": "127.0.0.2,127.0.0.3"].merging(settings) { $1 })
    watch = VerdictWatch(controlPlane)
    application = try AnsweringEnvoy.start(home: home)
    refusing = try OccupiedPort()
    silent = try OccupiedPort(listens: true)
  }

  /// Runs a body with a control plane and the servers of the tests, without proxies, and ends everything afterwards.
  static func run(
    settings: [String: String] = [:], _ body: @escaping @Sendable (NoTraceRig) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let rig = try NoTraceRig(home: folder.url, settings: settings)
    var failure: (any Error)?
    do {
      try await rig.controlPlane.start()
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        for (name, application) in rig.applications {
          group.addTask { try await application.serve { rig.note(name, $0) } }
        }
        for beside in [rig.swallowing, rig.foreign, rig.losing] {
          group.addTask {
            try await beside.serve(collectorPort: rig.controlPlane.ports.collector) { rig.note(beside.host, $0) }
          }
        }
        group.addTask { await rig.watch.run() }
        for server in Array(rig.applications.keys) + [rig.swallowing.host, rig.foreign.host, rig.losing.host] {
          try await eventually("the server \(server)") { rig.servers.withLock { $0[server] != nil } }
        }
        try await rig.application.waitUntilServing()
        try await body(rig)
      }
    } catch { failure = error }
    rig.load.stop()
    for task in rig.tasks.withLock({ $0 }) { task.cancel() }
    await withTaskGroup { group in
      for proxy in rig.running.withLock({ $0.values.map { $0 } }) { group.addTask { await proxy.kill() } }
    }
    await rig.application.stop()
    await rig.controlPlane.stop()
    if let failure {
      print("the last lines of the control plane:\n\(rig.controlPlane.log.tail(40))")
      throw failure
    }
  }

  private func note(_ server: String, _ port: Int) { servers.withLock { $0[server] = port } }

  /// The port of an application; that of the answering Envoy for services without one.
  func applicationPort(of service: String) -> Int { servers.withLock { $0[service] } ?? application.port }

  /// A proxy that runs.
  func proxy(_ name: String) throws -> ProxyProcess {
    guard let proxy = running.withLock({ $0[name] }) else {
      throw ControlPlaneProcess.Failure(description: "there is no proxy \(name)")
    }
    return proxy
  }

  /// The free port that a proxy's Dataplane got for what its shape says.
  func freePort(of name: String) -> Int { freePorts.withLock { $0[name] ?? 0 } }

  /// Ends a proxy together with the rig.
  func remember(_ proxy: ProxyProcess) { running.withLock { $0[proxy.name] = proxy } }

  /// Cancels a task at the end of the rig.
  func remember(_ task: Task<Void, Never>) { tasks.withLock { $0.append(task) } }

  // MARK: Proxies

  /// The address of the own collector, or of a server beside it.
  func collectorURL(host: String = "127.0.0.1", path: String = "/api/v2/spans") -> String {
    "http://\(host):\(controlPlane.ports.collector)\(path)"
  }

  /// A proxy's Dataplane as YAML, on ports that are free.
  func dataplane(
    _ name: String, service: String? = nil, shape: Shape = Shape()
  ) throws -> (yaml: String, inbound: Int, outbounds: [Int], admin: Int) {
    let free = try FreePort.take(4 + shape.calls.count)
    freePorts.withLock { $0[name] = free[2] }
    let application = try shape.applicationPort?(self) ?? applicationPort(of: service ?? name)
    let inbound = try shape.inboundPort?(self) ?? free[0]
    let outbounds = Array(free[4...])
    let outbound = zip(outbounds, shape.calls).map { "  - {port: \($0), tags: {kuma.io/service: \($1)}}\n" }.joined()
    let tags = shape.serviceProtocol.map { ", kuma.io/protocol: \($0)" } ?? ""
    let networking = shape.networking.replacingOccurrences(of: "FREE1", with: "\(free[2])")
      .replacingOccurrences(of: "FREE2", with: "\(free[3])")
    let yaml = """
      type: Dataplane
      mesh: default
      name: \(name)
      networking:
        address: 127.0.0.1
        admin: {port: \(free[1])}
        inbound:
        - port: \(inbound)
          servicePort: \(application)
          tags: {kuma.io/service: \(service ?? name)\(tags)\(shape.tags)}
      \(networking)\(outbound.isEmpty ? "" : "  outbound:\n\(outbound)")\(shape.more(application, free[2]))
      """
    return (yaml, inbound, outbounds, free[1])
  }

  /// Starts a proxy.
  @discardableResult
  func start(_ name: String, service: String? = nil, shape: Shape = Shape()) async throws -> ProxyProcess {
    let (yaml, inbound, outbounds, admin) = try dataplane(name, service: service, shape: shape)
    if shape.isApplied { try await controlPlane.apply(yaml) }
    let arguments = shape.arguments(self, applicationPort(of: service ?? name), freePort(of: name))
    var envoy = Programs.envoyProgram
    if !shape.script.isEmpty || !arguments.isEmpty {
      let text = "#!/bin/sh\n\(shape.script)\nexec '\(envoy ?? "")' \"$@\" \(arguments)\n"
      let file = controlPlane.home.appending(path: "envoy-\(name)")
      try Data(text.utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path(percentEncoded: false))
      envoy = file.path(percentEncoded: false)
    }
    let proxy = try ProxyProcess.start(
      name, dataplane: yaml, inboundPort: inbound, outboundPorts: outbounds, adminPort: admin, isKnown: shape.isApplied,
      envoy: envoy, controlPlane: controlPlane)
    remember(proxy)
    return proxy
  }

  /// Starts the proxies of the three services.
  func startHealthy() async throws {
    for (service, next) in zip(Self.healthy, Self.healthy.dropFirst() + [""]) {
      try await start(service, shape: Shape(calls: next.isEmpty ? [] : [next]))
    }
    for service in Self.healthy { try await waitUntilListening(service) }
    for service in ["shop", "stock"] { applications[service]?.call(try proxy(service).outboundPort) }
  }

  /// Waits until a proxy's listeners take connections, and the endpoints of what it calls are there; sends no request.
  func waitUntilListening(_ name: String) async throws {
    let proxy = try proxy(name)
    try await eventually(deadline: .seconds(120), "the listeners of \(name)") {
      if let status = proxy.process.currentExitStatus {
        throw ControlPlaneProcess.Failure(description: "kuma-dp of \(name) \(status):\n\(proxy.log.tail())")
      }
      return ([proxy.inboundPort] + proxy.outboundPorts).allSatisfy(SteadyLoad.isOpen)
    }
  }

  /// Changes a value of an Envoy's runtime, as somebody at its administration interface does.
  func modifyRuntime(of name: String, _ values: String) async throws {
    let port = try proxy(name).adminPort
    try await eventually("the runtime of \(name)") {
      try await HTTPProbe.post(port: port, "/runtime_modify?\(values)", "")?.status == 200
    }
  }

  /// The Envoy of a proxy: the one child of its kuma-dp.
  func envoyPID(of name: String) throws -> Int32 {
    let parent = try proxy(name).process.pid
    let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task")
    let children = tasks.flatMap { task in
      ((try? String(contentsOfFile: "/proc/\(parent)/task/\(task)/children", encoding: .utf8)) ?? "").split(
        separator: " ")
    }
    guard let child = children.compactMap({ Int32($0) }).first else {
      throw ControlPlaneProcess.Failure(description: "kuma-dp of \(name) has no Envoy")
    }
    return child
  }
}
