/// The annotations of Services that are read or written here. Source: Kuma 2.7.
package enum ServiceAnnotation: String, Sendable, CaseIterable {
  /// Whether the Service makes no inbounds.
  case ignore = "kuma.io/ignore"
  /// `builtin` on the Service of a builtin gateway.
  case gateway = "kuma.io/gateway"
  /// Whether ingress controllers call the Service's address instead of its pods.
  case serviceUpstream = "ingress.kubernetes.io/service-upstream"
  /// The same for the ingress controller of nginx.
  case nginxServiceUpstream = "nginx.ingress.kubernetes.io/service-upstream"

  /// The key of the annotation that names the protocol of a port of a Service.
  package static func protocolKey(port: Int) -> String { "\(port).service.kuma.io/protocol" }
}
