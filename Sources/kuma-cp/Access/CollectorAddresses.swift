import AccessHTTP
import Certificates
import HTTPService
import MeshModel
import MeshPolicy
import TraceHTTP
import TraceModel

/// The addresses of the collector.
struct CollectorAddresses: Sendable {
  let ports: BoundPorts
  let configuration: CollectorConfiguration
  /// The certificate that the collector shows; `nil` if it takes no TLS.
  private let certificate: ReloadableCertificate?
  /// The names and addresses under which the collector is reached.
  let hosts: Set<String>

  /// - Parameters:
  ///   - certificate: what the collector shows if it takes TLS.
  ///   - names: names that settings give the control plane.
  init(
    ports: BoundPorts, configuration: CollectorConfiguration, certificate: ReloadableCertificate,
    names: some Sequence<String>
  ) {
    self.ports = ports
    self.configuration = configuration
    self.certificate = ListenerProtection.collectorUsesTLS(configuration) ? certificate : nil
    let host = configuration.zipkin.host
    hosts = ControlPlaneIdentity.machineNames()
      .union(ControlPlaneIdentity.names(listeningOn: host)).union(Self.loopbackNames(listeningOn: host)).union(names)
  }

  /// The collector's operations at its current ports, for the API's description.
  var operations: [Operation] {
    let otlp = configuration.otlp.flatMap { address(ServerName.otlp, $0) }
    let collector = address(ServerName.collector, configuration.zipkin)
    let signIn = SignInRoutes.operations.map { operation in
      var operation = operation
      operation.servers = [collector].compactMap(\.self)
      return operation
    }
    return CollectorAPI.operations(at: collector, forExportersAlsoAt: otlp) + signIn
  }

  /// Whether a backend's URL leads to this collector, under any known name of this machine.
  func receives(_ url: CollectorURL) -> Bool { collector(tokens: [:])?.receives(url) ?? false }

  /// What proxies need to reach this collector; `nil` while it does not listen.
  ///
  /// - Parameter tokens: the newest token for spans of each mesh.
  func collector(tokens: [String: String]) -> OwnCollector? {
    guard let port = ports.port(ServerName.collector).flatMap({ UInt16(exactly: $0) }) else { return nil }
    // Whichever of its names a proxy asks for, it gets the same certificate.
    let names = (certificate?.current.names ?? []).sorted { a, b in
      (a == ControlPlaneIdentity.hostname ? 0 : HostRules.isIP(a) ? 2 : 1, a)
        < (b == ControlPlaneIdentity.hostname ? 0 : HostRules.isIP(b) ? 2 : 1, b)
    }
    return OwnCollector(
      port: port, hosts: hosts, certificateNames: names, authorities: certificate?.authorityPEM, tokens: tokens)
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
    let scheme = ListenerProtection.collectorUsesTLS(configuration, endpoint) ? "https" : "http"
    return "\(scheme)://\(host):\(port)"
  }
}
