import MeshModel
import MeshPolicy

/// Where the spans of a backend go: what its cluster is made of. The form of the spans does not matter.
struct CollectorAddress: Hashable {
  /// The name of the cluster.
  var cluster: String
  var host: String
  var port: UInt16
  var isTLS: Bool
  /// Whether the control plane chooses the form of the spans.
  var isAutomatic: Bool

  init(_ destination: TracingDestination) {
    switch destination.receiver {
    case .zipkin(let url, let options):
      (host, port, isTLS, isAutomatic) = (url.host, url.port, url.isTLS, options.isAutomatic)
    case .datadog(let address, let number, _):
      (host, port, isTLS, isAutomatic) = (address, number, false, false)
    }
    cluster = EnvoyNames.tracingCluster(destination.backend, isAutomatic: isAutomatic)
  }
}
