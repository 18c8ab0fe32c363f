import ArgumentParser
import Foundation
import MeshClient
import ProxySimulation

/// Measures a control plane with proxies that subscribe as Envoy does.
@main
struct ProxyFleetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "proxy-fleet",
    abstract: "Measures a running control plane with simulated proxies; prints JSON.",
    discussion: "It writes a mesh of its own, named \"fleet\", into the control plane. For benchmarks; not installed.")

  @Option(help: "The address of the HTTP API.") var api = "http://127.0.0.1:5681"
  @Option(help: "The port of the data plane server, on this machine.") var xdsPort = 5678
  @Option(help: "The process id of the control plane.") var pid: Int32
  @Option(help: "How many proxies.") var proxies = 1000
  @Option(help: "How many services they belong to.") var services = 20
  @Option(help: "How often each change is made.") var rounds = 3
  @Option(help: "Seconds after each change in which the control plane's work is counted.") var window = 2.0
  @Flag(help: "Connect with TLS.") var tls = false
  @Flag(help: "Use the incremental variant of the protocol.") var delta = false

  func run() async throws {
    var settings = ProxyFleet.Settings(port: xdsPort)
    settings.isSecure = tls
    settings.isIncremental = delta
    var measurement = FleetMeasurement(
      mesh: FleetMesh(proxies: proxies, services: services),
      client: ControlPlaneClient(address: try ControlPlaneAddress(api)), settings: settings,
      server: ServerProcess(id: pid), rounds: rounds, window: .seconds(window))
    let report = try await measurement.run()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    print(String(decoding: try encoder.encode(report), as: UTF8.self))
  }
}
