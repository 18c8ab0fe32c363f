import MeshModel

/// What makes a service one of HTTP, in words that its operator can follow.
enum ProtocolFix {
  /// For an inbound that is handled as TCP.
  static func ofInbound(_ tags: [String: String]) -> String {
    ofKubernetesService(tags) ?? "set the tag \(TagName.protocol) of the inbound to http, http2 or grpc"
  }

  /// For a service that is handled as TCP; `nil` when it has no endpoint.
  ///
  /// - Parameter contributions: the service's healthy endpoints by proxy.
  static func ofService(_ contributions: [String: [ServiceEndpoints.Endpoint]]) -> String? {
    guard let any = contributions.min(by: { $0.key < $1.key })?.value.first else { return nil }
    var counts: [ServiceProtocol: Int] = [:]
    for endpoint in contributions.values.joined() {
      let spoken = ServiceProtocol(tag: endpoint.tags[TagName.protocol])
      if spoken.isHTTP { counts[spoken, default: 0] += 1 }
    }
    // Most proxies are right, if any of them speaks HTTP.
    guard let meant = counts.max(by: { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) })?.key else {
      return ofKubernetesService(any.tags)
        ?? "set the tag \(TagName.protocol) to http, http2 or grpc in "
        + dataplanes(contributions.keys.sorted())
    }
    let others = contributions.filter { _, endpoints in
      endpoints.contains { !ServiceProtocol(tag: $0.tags[TagName.protocol]).common(with: meant).isHTTP }
    }
    return "set the tag \(TagName.protocol) to \(meant.rawValue) in " + dataplanes(others.keys.sorted())
  }

  /// The first remedy that concerns a Service of a cluster, where nobody writes tags; `nil` when there is none.
  static func first(of listeners: [ProxyExplanation.Listener]) -> String? {
    listeners.lazy.compactMap(\.fix).first { $0.hasPrefix(appProtocol) }
  }

  /// What to do about pods that have no HTTP listener.
  static let ofPods = "\(appProtocol) at the ports of their Services"

  private static let appProtocol = "set appProtocol: http (or http2, grpc)"

  private static func dataplanes(_ names: [String]) -> String {
    "the \(names.count == 1 ? "Dataplane" : "Dataplanes") \(PolicyWarnings.list(names))"
  }

  /// For a service that a cluster's Service makes, whose pods have the tags of that Service.
  private static func ofKubernetesService(_ tags: [String: String]) -> String? {
    guard let namespace = tags["k8s.kuma.io/namespace"], let name = tags["k8s.kuma.io/service-name"],
      let port = tags["k8s.kuma.io/service-port"]
    else { return nil }
    return "\(appProtocol) at port \(port) of Service \"\(name.abridged())\" in namespace "
      + "\"\(namespace.abridged())\", or its annotation \(port.abridged()).service.kuma.io/protocol"
  }
}
