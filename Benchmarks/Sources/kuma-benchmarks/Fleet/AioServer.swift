import EnvoyAPI
import Foundation
import ProcessSupervisor
import ProxySimulation
import SwiftProtobuf
import Synchronization

/// The baseline of what needs no decisions: Python's `grpc.aio`, which sends the bytes that one proxy holds to all.
final class AioServer {
  private let child: ChildProcess
  let port: Int

  /// Starts it.
  ///
  /// - Parameter held: what a proxy holds, by type.
  init(_ context: BenchmarkContext, serving held: [String: HeldResources], as controlPlane: ControlPlane) async throws {
    let folder = URL(fileURLWithPath: context.newPath("grpc-aio"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (type, name) in [
      (SimulatedType.clusters, "clusters"), (SimulatedType.endpoints, "endpoints"),
      (SimulatedType.listeners, "listeners"),
    ] {
      let response = Envoy_Service_Discovery_V3_DiscoveryResponse.with { message in
        message.typeURL = type
        message.resources = (held[type]?.contents ?? [:]).sorted { $0.key < $1.key }.map { _, bytes in
          Google_Protobuf_Any.with {
            $0.typeURL = type
            $0.value = bytes
          }
        }
      }
      try response.serializedData().write(to: folder.appending(path: name))
    }
    var ports = FreePorts()
    port = try ports.take()
    let lines = Mutex<[String]>([])
    let certificate = controlPlane.certificate
    child = try ChildProcess.start(
      ChildProcess.Command(
        try context.python(),
        [
          context.project.appending(path: "Benchmarks/grpc-aio-server.py").path, "\(port)", certificate.file.path,
          certificate.key.path, folder.path,
        ],
        output: .lines { line in lines.withLock { $0.append(line) } }))
    try await poll("the server with grpc.aio", every: .milliseconds(20)) {
      if let status = child.currentExitStatus { throw BenchmarkFailure(description: "grpc-aio-server.py \(status)") }
      return lines.withLock { !$0.isEmpty }
    }
  }

  /// What its process uses.
  var process: ServerProcess { ServerProcess(id: child.pid) }

  /// Sends the listeners to all streams.
  func push() { kill(child.pid, SIGUSR1) }

  /// Ends it.
  func stop() async { _ = await child.terminate(grace: .seconds(1)) }
}
