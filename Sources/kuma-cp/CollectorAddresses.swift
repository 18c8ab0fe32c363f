import HTTPService
import MeshModel
import TraceHTTP
import TraceModel

/// Where the collector is reached.
struct CollectorAddresses: Sendable {
  let ports: BoundPorts
  let configuration: CollectorConfiguration

  /// What the collector does, at the ports where it listens now: its part of the description of the API.
  var operations: [Operation] {
    let otlp = configuration.otlp.flatMap { address(Pipeline.Server.otlp, $0) }
    return CollectorAPI.operations(
      at: address(Pipeline.Server.collector, configuration.zipkin), forExportersAlsoAt: otlp)
  }

  /// Whether a backend's URL leads to the collector, by any of the names that this machine is known to have.
  func receives(_ url: CollectorURL) -> Bool {
    guard ports.port(Pipeline.Server.collector) == Int(url.port) else { return false }
    let names = ControlPlaneIdentity.names(listeningOn: configuration.zipkin.host)
    return (names + ["localhost", "127.0.0.1", "::1"]).contains(url.host)
  }

  /// Nil for a server that does not listen. Whoever reads the description is on this machine, or knows its name.
  private func address(_ name: String, _ endpoint: ControlPlaneConfiguration.Endpoint) -> String? {
    guard let port = ports.port(name) else { return nil }
    let host =
      switch endpoint.host {
      case "0.0.0.0", "::": "127.0.0.1"
      case let host: host.contains(":") ? "[\(host)]" : host
      }
    return "http://\(host):\(port)"
  }
}
