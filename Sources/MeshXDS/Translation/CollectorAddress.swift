import MeshModel
import MeshPolicy

/// Where the spans of a backend go: what its cluster is made of. The form of the spans does not matter.
///
/// It contains no secret: the cluster names its secrets, which are resources of their own. So it stays as it is when they change.
struct CollectorAddress: Hashable {
  /// How the collector's certificate is verified.
  enum Verification: Hashable {
    /// Not at all, as in Kuma.
    case none
    /// It must have a name or an address, and a secret says which authorities may have signed it.
    case name(String)
  }

  /// The name of the cluster.
  var cluster: String
  var host: String
  var port: UInt16
  var isTLS: Bool
  /// Whether the control plane chooses the form of the spans.
  var isAutomatic: Bool
  var verification = Verification.none
  /// The name that the proxy asks for; `nil` where the collector has only an address (RFC 6066, section 3).
  var serverName: String?
  /// Whether the proxy shows a certificate.
  var hasIdentity = false
  /// The names of the fields that the proxy adds to reports.
  var headers: [String] = []

  init(_ destination: TracingDestination, _ access: CollectorAccess? = nil) {
    switch destination.receiver {
    case .zipkin(let url, let options):
      (host, port, isTLS, isAutomatic) = (url.host, url.port, url.isTLS, options.isAutomatic)
    case .datadog(let address, let number, _):
      (host, port, isTLS, isAutomatic) = (address, number, false, false)
    }
    cluster = EnvoyNames.tracingCluster(destination.backend, isAutomatic: isAutomatic)
    let name = access?.serverName ?? host
    serverName = HostRules.isIP(name) ? nil : name
    guard let access else { return }
    if access.verification != .none { verification = .name(name) }
    hasIdentity = access.identity != nil
    isTLS = isTLS || verification != .none || hasIdentity
    headers = access.headers.map(\.name)
  }
}
