import HTTPService
import HTTPTypes
import MeshModel
import TraceHTTP
import TraceModel

/// The collector's part of the description of the API.
struct CollectorDescription: Sendable {
  let ports: BoundPorts
  let configuration: CollectorConfiguration

  /// What the collector does, at the ports where it listens now.
  var operations: [Operation] {
    CollectorRoute.all.map { route in
      var servers = [address(Pipeline.Server.collector, configuration.zipkin)]
      if route.isForExporters, let otlp = configuration.otlp { servers.append(address(Pipeline.Server.otlp, otlp)) }
      var operation = Operation(
        route.method == "GET" ? .get : .post, route.path, route.summary,
        query: route.query.map { .init(name: $0.name, summary: $0.summary, requiredExample: $0.requiredExample) },
        accepts: route.accepts.map { .init($0) },
        outcomes: route.responses.map { .init(.init(code: $0.status), $0.summary, $0.types.map { .init($0) }) })
      operation.servers = servers.compactMap(\.self)
      return operation
    }
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
