import MeshModel

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

  private static let tracingPrefix = "tracing:"
  private static let automaticPrefix = "tracing-auto:"

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
