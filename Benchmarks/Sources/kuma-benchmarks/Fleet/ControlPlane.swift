import Foundation
import MeshClient
import ProcessSupervisor

/// A control plane as a process of its own: the program that operators run, optimised, which is built with the benchmarks.
final class ControlPlane {
  /// The address of its HTTP API.
  let client: ControlPlaneClient
  /// The port for proxies, at 127.0.0.1.
  let dataplanePort: Int
  let collectorPort: Int
  private let folder: URL
  private let arguments: [String]
  private let environment: [String: String]
  private var child: ChildProcess?

  /// Chooses ports, which it keeps over restarts.
  ///
  /// - Parameters:
  ///   - settings: environment variables; without any, resources are in SQLite.
  init(_ context: BenchmarkContext, settings: [String: String] = [:]) throws {
    folder = URL(fileURLWithPath: context.newPath("control-plane"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var ports = FreePorts()
    let apiPort = try ports.take()
    dataplanePort = try ports.take()
    collectorPort = try ports.take()
    client = ControlPlaneClient(
      address: try ControlPlaneAddress("http://127.0.0.1:\(apiPort)"),
      settings: ControlPlaneClient.Settings(timeout: .seconds(60)))
    arguments = [
      "run", "--work-dir", folder.path, "--api-port", "\(apiPort)", "--dp-port", "\(dataplanePort)",
      "--api-https-port", "0", "--diagnostics-port", "\(try ports.take())", "--zipkin-port", "\(collectorPort)",
      "--otlp-port",
      "\(try ports.take())", "--log-level", "warning",
    ]
    environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KUMA_") }
      .merging(settings) { $1 }
  }

  /// Runs one while something is done.
  static func run<Value>(
    _ context: BenchmarkContext, settings: [String: String] = [:], _ body: (ControlPlane) async throws -> Value
  ) async throws -> Value {
    let controlPlane = try ControlPlane(context, settings: settings)
    try await controlPlane.start()
    do {
      let value = try await body(controlPlane)
      await controlPlane.stop()
      return value
    } catch {
      await controlPlane.stop()
      throw error
    }
  }

  /// What its process uses.
  var process: ServerProcess { ServerProcess(id: child?.pid ?? -1) }

  /// Where its certificate for proxies and the key of that are.
  var certificate: (file: URL, key: URL) {
    (folder.appending(path: "kuma-cp.crt"), folder.appending(path: "kuma-cp.key"))
  }

  /// Starts it and waits until it answers.
  func start() async throws {
    let program = Bundle.main.bundleURL.appending(path: "kuma-cp").path
    let started = try ChildProcess.start(
      ChildProcess.Command(
        program, arguments, environment: environment,
        output: .file(folder.appending(path: "output.log").path), errors: .file(folder.appending(path: "log").path)))
    child = started
    try await poll("the control plane to be ready", every: .milliseconds(5)) {
      if let status = started.currentExitStatus { throw BenchmarkFailure(description: "kuma-cp \(status)") }
      return (try? await client.send(.get, "/meshes")) != nil
    }
  }

  /// Kills it without a chance to say goodbye.
  func kill() async {
    child?.signal(.kill)
    _ = await child?.exitStatus()
  }

  /// Ends it in order.
  func stop() async { _ = await child?.terminate(grace: .seconds(20)) }
}

/// Waits for a condition.
///
/// - Throws: ``BenchmarkFailure`` after three minutes.
func poll(
  _ what: String, every pause: Duration = .milliseconds(2), until condition: () async throws -> Bool
) async throws {
  let end = ContinuousClock.now + .seconds(180)
  while try await !condition() {
    try BenchmarkFailure.unless(ContinuousClock.now < end, "waited in vain for \(what)")
    try await Task.sleep(for: pause)
  }
}
