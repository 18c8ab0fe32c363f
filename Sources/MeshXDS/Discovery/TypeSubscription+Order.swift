extension TypeSubscription {
  /// The order in which types are sent: Envoy's own, then all others.
  enum Order: Int, Comparable {
    case runtime, clusters, endpoints, secrets, listeners, others

    init(_ typeURL: String) {
      switch typeURL {
      case ResourceTypeURL.runtime: self = .runtime
      case ResourceTypeURL.cluster: self = .clusters
      case ResourceTypeURL.endpoints: self = .endpoints
      case ResourceTypeURL.secret: self = .secrets
      case ResourceTypeURL.listener: self = .listeners
      default: self = .others
      }
    }

    static func < (a: Order, b: Order) -> Bool { a.rawValue < b.rawValue }
  }
}
