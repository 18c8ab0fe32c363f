import Crypto
import Foundation
import MeshModel
import MeshPolicy

/// The names of Envoy's resources, which users see in its statistics and logs. Source: Kuma 2.7.
package enum EnvoyNames {
  /// `inbound:10.0.0.1:80`, `inbound:[fd00::1]:80`.
  static func inboundListener(_ address: String, _ port: UInt16) -> String {
    "inbound:\(hostAndPort(address, port))"
  }

  /// `outbound:127.0.0.1:10001`.
  static func outboundListener(_ address: String, _ port: UInt16) -> String {
    "outbound:\(hostAndPort(address, port))"
  }

  /// `localhost:8080`, for any address of the application.
  static func localCluster(_ port: UInt16) -> String { "localhost:\(port)" }

  /// The cluster of an application if another one with the same port already uses ``localCluster(_:)``.
  static func localCluster(_ address: String, _ port: UInt16, isHTTP2: Bool) -> String {
    "localhost:\(port):\(isHTTP2 ? "http2:" : "")\(address)"
  }

  /// `tracing:jaeger`, or `tracing-auto:jaeger` if the control plane chooses the form of the spans.
  ///
  /// The two have different clusters. If a cluster changes, Envoy drops all reports that are under way to it, so a backend whose form
  /// changes needs a new cluster beside the old one.
  package static func tracingCluster(_ backend: String, isAutomatic: Bool) -> String {
    "\(isAutomatic ? automaticPrefix : tracingPrefix)\(backend)"
  }

  /// Whether the name is that of a collector's cluster.
  static func isTracingCluster(_ name: String) -> Bool {
    name.hasPrefix(tracingPrefix) || isAutomaticTracingCluster(name)
  }

  /// Whether the name is that of a collector's cluster for spans whose form the control plane chooses.
  static func isAutomaticTracingCluster(_ name: String) -> Bool { name.hasPrefix(automaticPrefix) }

  /// `tracing:jaeger/validation`: by what the collector of a cluster is verified.
  static func validationSecret(_ cluster: String) -> String { "\(secretPrefix(cluster))validation" }

  /// `tracing:jaeger/identity`: the certificate that is shown to the collector of a cluster, with its key.
  static func identitySecret(_ cluster: String) -> String { "\(secretPrefix(cluster))identity" }

  /// `tracing:jaeger/header/x-api-key`: the value of a field that reports to the collector of a cluster get.
  static func headerSecret(_ cluster: String, _ header: String) -> String { "\(secretPrefix(cluster))header/\(header)" }

  /// What the names of a cluster's secrets begin with.
  static func secretPrefix(_ cluster: String) -> String { "\(cluster)/" }

  private static let tracingPrefix = "tracing:"
  private static let automaticPrefix = "tracing-auto:"

  /// `web`, or `web-0123456789abcdef` for one instance of it: the tags of the instance, hashed. Source: Kuma 2.7.
  static func serviceCluster(_ destination: ServiceEndpoints) -> String {
    guard let instance = destination.instance else { return destination.service }
    let tags = [TagName.instance, instance, TagName.service, destination.service].joined()
    let digits = SHA256.hash(data: Data(tags.utf8)).prefix(8).map { byte in
      String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    return "\(destination.service)-\(digits.joined())"
  }

  /// `outbound:passthrough:ipv4`: the listener that takes an application's connections, and the cluster of those that the mesh
  /// does not know.
  static func outboundPassthrough(isIPv6: Bool) -> String { "outbound:passthrough:\(isIPv6 ? "ipv6" : "ipv4")" }

  /// `inbound:passthrough:ipv4`: the same of connections to an application.
  static func inboundPassthrough(isIPv6: Bool) -> String { "inbound:passthrough:\(isIPv6 ? "ipv6" : "ipv4")" }

  /// `direct_access_10.0.0.1:80`: the listener at the address of an endpoint.
  static func directListener(_ place: SocketAddress) -> String {
    "\(directCluster)_\(hostAndPort(place.address, place.port))"
  }

  /// The cluster of connections to endpoints by their own addresses.
  static let directCluster = "direct_access"

  /// The listener and the cluster of a proxy's administration.
  static let administration = "kuma:envoy:admin"

  /// The listener for health checks, and its routes.
  static let probeListener = "probe:listener"
  static let probeRoutes = "probe:route_configuration"

  /// `inbound:web`: the routes of an inbound, of which there is one per service.
  static func inboundRoute(_ service: String) -> String { "inbound:\(service)" }

  /// `outbound:web`: the routes of an outbound.
  static func outboundRoute(_ service: String) -> String { "outbound:\(service)" }

  /// A name for statistics: every character except ASCII letters, digits, `_` and `-` becomes `_`.
  package static func statistics(_ name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "_", "-": text.unicodeScalars.append(scalar)
      default: text += "_"
      }
    }
    return text
  }

  private static func hostAndPort(_ address: String, _ port: UInt16) -> String {
    HostRules.isIPv6(address) ? "[\(address)]:\(port)" : "\(address):\(port)"
  }
}
