import AsyncHTTPClient
import Foundation
import KubernetesTestSupport
import MeshModel
import NIOCore
import NIOHTTP1
import ProcessSupervisor
import Synchronization
import TestSupport

/// The built control plane as a process, over a real API server, on free ports that it keeps over restarts.
final class ControlPlaneOnKubernetes: Sendable {
  /// Where it listens.
  struct Ports: Sendable {
    var api: Int
    var dataplane: Int
    var diagnostics: Int
    var collector: Int
    var otlp: Int
    var admission: Int
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let ports: Ports
  /// The namespace of its Leases and its Secret.
  let systemNamespace: String
  private let kubeconfig: String
  private let settings: [String: String]
  private let launcher: [String]
  private let folder: TemporaryFolder
  private let process = Mutex<ChildProcess?>(nil)
  private let lines = Mutex<[String]>([])
  private static let freePorts = Mutex(FreePorts())

  /// Chooses ports.
  ///
  /// - Parameters:
  ///   - systemNamespace: a namespace of the test's own; it exists.
  ///   - settings: further variables of the environment. Without them, no Mesh is made.
  ///   - launcher: a command that becomes the program and its arguments, which are put behind it.
  init(
    kubeconfig: String, systemNamespace: String, settings: [String: String] = [:], launcher: [String] = []
  ) throws {
    self.kubeconfig = kubeconfig
    self.systemNamespace = systemNamespace
    self.settings = settings
    self.launcher = launcher
    folder = try TemporaryFolder()
    ports = try Self.freePorts.withLock { ports in
      Ports(
        api: try ports.take(), dataplane: try ports.take(), diagnostics: try ports.take(),
        collector: try ports.take(), otlp: try ports.take(), admission: try ports.take())
    }
  }

  /// Starts one in a namespace of its own, and waits until it is ready.
  static func start(_ server: KubernetesServer, settings: [String: String] = [:]) async throws
    -> ControlPlaneOnKubernetes
  {
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: try await server.makeNamespace("system"), settings: settings)
    try await controlPlane.start()
    return controlPlane
  }

  // MARK: Start and end

  /// Starts it and waits until it is ready.
  func start() async throws {
    let started = try launch()
    try await eventually(deadline: .seconds(90), "the control plane's readiness") {
      if let status = started.currentExitStatus {
        throw Failure(description: "the control plane \(status):\n\(tail)")
      }
      return try await ready()?.status == 200
    }
  }

  /// Starts it.
  @discardableResult
  func launch() throws -> ChildProcess {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KUMA_") }
    environment["KUBECONFIG"] = kubeconfig
    environment["KUMA_ENVIRONMENT"] = "kubernetes"
    environment["KUMA_STORE_TYPE"] = "kubernetes"
    environment["KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE"] = systemNamespace
    environment["KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS"] = "127.0.0.1"
    environment["KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT"] = "\(ports.admission)"
    environment["KUMA_DEFAULTS_SKIP_MESH_CREATION"] = "true"
    // The proxies of most tests have no pods, and so no tokens.
    environment["KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE"] = "none"
    environment["KUMA_COLLECTOR_OTLP_GRPC_PORT"] = "0"
    environment.merge(settings) { $1 }
    let command = launcher + [try TestPrograms.path("kuma-cp")]
    let note: @Sendable (String) -> Void = { [weak self] line in self?.lines.withLock { $0.append(line) } }
    let started = try ChildProcess.start(
      ChildProcess.Command(
        command[0],
        command.dropFirst() + [
          "run", "--work-dir", folder.file("cp"), "--api-port", "\(ports.api)", "--api-https-port", "0", "--dp-port",
          "\(ports.dataplane)",
          "--diagnostics-port", "\(ports.diagnostics)", "--zipkin-port", "\(ports.collector)", "--otlp-port",
          "\(ports.otlp)",
        ], environment: environment, output: .lines(note), errors: .lines(note)))
    process.withLock { $0 = started }
    return started
  }

  /// Kills it without a chance to say goodbye.
  func kill() async {
    let running = process.withLock { $0 }
    running?.signal(.kill)
    _ = await running?.exitStatus()
  }

  /// Ends it in order.
  func stop() async { _ = await process.withLock { $0 }?.terminate(grace: .seconds(20)) }

  /// Ends it and removes its folder, when the process of the tests ends.
  func endAtExit() {
    let running = process.withLock { $0 }
    running?.signal(.kill)
    for _ in 0..<500 where running?.currentExitStatus == nil { usleep(10_000) }
    try? FileManager.default.removeItem(atPath: folder.path)
  }

  /// How it ended; `nil` while it runs.
  var exitStatus: ExitStatus? { process.withLock { $0 }?.currentExitStatus }

  // MARK: What it says

  /// Every line that it has written.
  var log: [String] { lines.withLock { $0 } }

  /// The last lines, for messages.
  var tail: String { log.suffix(20).joined(separator: "\n") }

  /// Waits for a line of the log with all of some texts.
  @discardableResult
  func line(with texts: String...) async throws -> String {
    do {
      return try await eventually("a line with \(texts)") {
        log.first { line in texts.allSatisfy { line.contains($0) } }
      }
    } catch let error as NotInTime {
      throw Failure(description: "\(error.description); the log ends with:\n\(tail)")
    }
  }

  /// The answer of `/ready`; `nil` when nobody listens.
  func ready() async throws -> (status: Int, text: String)? {
    try await answer(port: ports.diagnostics, "/ready")
  }

  /// The JSON at a path of the API.
  func get(_ path: String) async throws -> DocumentValue {
    guard let answer = try await answer(port: ports.api, path) else {
      throw Failure(description: "no answer to \(path):\n\(tail)")
    }
    guard answer.status == 200 else { throw Failure(description: "\(path): \(answer.status) \(answer.text)") }
    return try DocumentValue(json: Array(answer.text.utf8))
  }

  /// The answer to a GET; `nil` when nobody listens or answers.
  func answer(port: Int, _ path: String) async throws -> (status: Int, text: String)? {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.headers.add(name: "connection", value: "close")
    do {
      let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
      let body = try await response.body.collect(upTo: 64 << 20)
      return (Int(response.status.code), String(decoding: body.readableBytesView, as: UTF8.self))
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      return nil
    }
  }
}
