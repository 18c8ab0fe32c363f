import AccessHTTP
import HTTPService
import MeshModel
import TraceHTTP
import TraceModel

/// The addresses of the collector.
struct CollectorAddresses: Sendable {
  let ports: BoundPorts
  let configuration: CollectorConfiguration

  /// The collector's operations at its current ports, for the API's description.
  var operations: [Operation] {
    let otlp = configuration.otlp.flatMap { address(Pipeline.Server.otlp, $0) }
    let collector = address(Pipeline.Server.collector, configuration.zipkin)
    let signIn = SignInRoutes.operations.map { operation in
      var operation = operation
      operation.servers = [collector].compactMap(\.self)
      return operation
    }
    return CollectorAPI.operations(at: collector, forExportersAlsoAt: otlp) + signIn
  }

  /// Whether a backend's URL leads to this collector, under any known name of this machine.
  func receives(_ url: CollectorURL) -> Bool {
    guard ports.port(Pipeline.Server.collector) == Int(url.port), !url.isTLS else { return false }
    let host = configuration.zipkin.host
    return (ControlPlaneIdentity.names(listeningOn: host) + Self.loopbackNames(listeningOn: host)).contains(url.host)
  }

  /// The names of the machine itself under which a server with this listen address is reached.
  private static func loopbackNames(listeningOn host: String) -> [String] {
    switch host {
    case "127.0.0.1", "0.0.0.0": ["localhost", "127.0.0.1"]
    case "::1": ["localhost", "::1"]
    case "::", "localhost": ["localhost", "127.0.0.1", "::1"]
    default: []
    }
  }

  /// `nil` for a server that does not listen. Readers of the description are on this machine or know its name.
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
