import Foundation
import ProcessSupervisor

/// `kuma-cp collector` as it is released, in a process of its own.
struct CollectorProcess: Sendable {
  /// What it uses.
  let process: ServerProcess
  /// Where it takes spans and shows its page.
  let port: Int

  /// Runs one with an empty store while something is done.
  ///
  /// - Parameter variables: variables of its environment beside those of this process.
  static func run<Value: Sendable>(
    _ context: BenchmarkContext, variables: [String: String] = [:],
    _ body: (CollectorProcess) async throws -> Value
  ) async throws -> Value {
    let folder = URL(fileURLWithPath: context.newPath("collector"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var ports = FreePorts()
    let port = try ports.take()
    let child = try ChildProcess.start(
      ChildProcess.Command(
        Bundle.main.bundleURL.appending(path: "kuma-cp").path,
        [
          "collector", "--work-dir", folder.path, "--zipkin-port", "\(port)", "--otlp-port", "\(try ports.take())",
          "--log-level", "warning",
        ],
        environment: ProcessInfo.processInfo.environment.merging(variables) { $1 }, output: .discard,
        errors: .file(folder.appending(path: "log").path)))
    do {
      try await poll("the collector to listen", every: .milliseconds(10)) {
        if let status = child.currentExitStatus { throw BenchmarkFailure(description: "kuma-cp collector \(status)") }
        return (try? HTTPSender(port: port)) != nil
      }
      let value = try await body(CollectorProcess(process: ServerProcess(id: child.pid), port: port))
      _ = await child.terminate(grace: .seconds(20))
      return value
    } catch {
      _ = await child.terminate(grace: .seconds(20))
      throw error
    }
  }
}
