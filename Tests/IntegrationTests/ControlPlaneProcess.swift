import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization

/// A real control plane as a process, on free ports that it keeps over restarts.
final class ControlPlaneProcess: Sendable {
  /// Where it listens.
  struct Ports: Sendable {
    var api: Int
    var dataplane: Int
    var diagnostics: Int
    var collector: Int
    var otlp: Int
    var secureAPI: Int
  }

  let ports: Ports
  let home: URL
  private let process = Mutex<ChildProcess?>(nil)
  let log = Lines()

  private let settings: [String: String]
  private let launcher: [String]

  /// - Parameters:
  ///   - settings: variables of the environment.
  ///   - launcher: a command that becomes the program and its arguments, which are put behind it.
  init(home: URL, settings: [String: String] = [:], launcher: [String] = []) throws {
    self.settings = settings
    self.launcher = launcher
    let free = try FreePort.take(6)
    ports = Ports(
      api: free[0], dataplane: free[1], diagnostics: free[2], collector: free[3], otlp: free[4], secureAPI: free[5])
    self.home = home
  }

  /// Runs a body with a control plane in a folder of its own, and ends it afterwards. Prints what it said last if the body throws.
  ///
  /// - Parameter isStarted: whether it is ready when the body begins. Otherwise the body starts it.
  static func run(
    isStarted: Bool = true, settings: [String: String] = [:], launcher: [String] = [],
    _ body: (ControlPlaneProcess) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let controlPlane = try ControlPlaneProcess(home: folder.url, settings: settings, launcher: launcher)
    do {
      if isStarted { try await controlPlane.start() }
      try await body(controlPlane)
    } catch {
      print("the last lines of the control plane:\n\(controlPlane.log.tail(40))")
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  /// Starts it and waits until it is ready.
  func start() async throws {
    let started = try launch()
    try await eventually(deadline: .seconds(180), "the control plane's readiness") {
      if let status = started.currentExitStatus {
        throw Failure(description: "the control plane \(status):\n\(log.tail())")
      }
      return try await isReady
    }
  }

  /// Whether it is ready.
  var isReady: Bool {
    get async throws { try await HTTPProbe.get(port: ports.diagnostics, "/ready")?.status == 200 }
  }

  /// Starts it.
  @discardableResult
  func launch() throws -> ChildProcess {
    var environment = Programs.environment
    // A debug build takes seconds for a key. Tests that use the token turn it on.
    environment["KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN"] = "false"
    environment["KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY"] = "1s"
    environment["KUMA_COLLECTOR_OTLP_GRPC_PORT"] = "0"
    environment.merge(settings) { $1 }
    let command = launcher + [try Programs.path("kuma-cp")]
    let started = try ChildProcess.start(
      ChildProcess.Command(
        command[0],
        command.dropFirst() + [
          "run", "--work-dir", home.appending(path: "cp").path(percentEncoded: false), "--api-port", "\(ports.api)",
          "--api-https-port", "\(ports.secureAPI)", "--dp-port", "\(ports.dataplane)", "--diagnostics-port",
          "\(ports.diagnostics)",
          "--zipkin-port",
          "\(ports.collector)", "--otlp-port", "\(ports.otlp)",
        ], environment: environment, output: .lines(log.append), errors: .lines(log.append)))
    process.withLock { $0 = started }
    return started
  }

  /// Its number; `nil` before the first start.
  var pid: Int32? { process.withLock { $0?.pid } }

  /// Its resident memory in bytes; 0 when it does not run.
  var residentBytes: Int {
    guard let pid,
      let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") })
    else { return 0 }
    return (line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0) * 1024
  }

  /// Kills it without a chance to say goodbye.
  func kill() async {
    let running = process.withLock { $0 }
    running?.signal(.kill)
    _ = await running?.exitStatus()
  }

  /// Ends it in order; by itself it ends after 15 seconds at the latest.
  func stop() async { _ = await process.withLock { $0 }?.terminate(grace: .seconds(60)) }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  // MARK: The API

  private func client() throws -> ControlPlaneClient {
    ControlPlaneClient(
      address: try ControlPlaneAddress("http://127.0.0.1:\(ports.api)"),
      settings: ControlPlaneClient.Settings(timeout: .seconds(20)))
  }

  func get(_ path: String) async throws -> DocumentValue { try await client().send(.get, path) }

  func delete(_ path: String) async throws { _ = try await client().send(.delete, path) }

  /// Applies YAML with the real command line; returns what it printed as errors.
  @discardableResult
  func apply(_ yaml: String) async throws -> [String] {
    let file = home.appending(path: "apply-\(UUID().uuidString).yaml")
    try Data(yaml.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    try await configureCommandLine()
    let applied = try await Programs.run("kumactl", ["apply", "-f", file.path(percentEncoded: false)], home: home)
    guard applied.status.isSuccess else { throw Failure(description: applied.errors.joined(separator: "\n")) }
    return applied.errors
  }

  /// Has `kumactl` of the tests' home know the control plane.
  func configureCommandLine() async throws {
    let file = home.appending(path: ".kumactl/config").path(percentEncoded: false)
    guard !FileManager.default.fileExists(atPath: file) else { return }
    let added = try await Programs.run(
      "kumactl",
      ["config", "control-planes", "add", "--name", "test", "--address", "http://127.0.0.1:\(ports.api)"], home: home)
    guard added.status.isSuccess else { throw Failure(description: added.errors.joined(separator: "\n")) }
  }

  /// The newest connection of a proxy, as the API tells it; `nil` while the proxy is not known.
  func subscription(of proxy: String) async throws -> DocumentValue? {
    do {
      let overview = try await get("/meshes/default/dataplanes/\(proxy)/_overview")
      return overview["dataplaneInsight"]?["subscriptions"]?.array?.last
    } catch let error as ControlPlaneError where error.code == .notFound {
      return nil
    }
  }

  /// Why a proxy is traced, or is not.
  func explanation(of proxy: String) async throws -> DocumentValue {
    try await get("/meshes/default/dataplanes/\(proxy)/_tracing")
  }

  /// The spans in the embedded collector of requests with a path.
  func spans(path: String) async throws -> [SpanRecorder.Span] {
    guard let answer = try await HTTPProbe.get(port: ports.collector, "/api/v2/traces?limit=1000&lookback=3600000"),
      answer.status == 200
    else { return [] }
    let traces = try DocumentValue(json: answer.body).array ?? []
    return traces.flatMap { $0.array ?? [] }.map(SpanRecorder.span).filter { $0.path == path }
  }
}
