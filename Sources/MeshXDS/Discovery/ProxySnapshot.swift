/// Everything that one proxy is to hold: its resources by type, each type with the version of its content.
///
/// A value with shared storage: keeping one per proxy costs three references where the resources are shared.
public struct ProxySnapshot: Sendable, Equatable {
  /// The clusters.
  public let clusters: ResourceSet
  /// The endpoints of those clusters that discover them.
  public let endpoints: ResourceSet
  /// The listeners.
  public let listeners: ResourceSet
  /// Resources of other types, by type URL. A type that is not mentioned has no resources.
  public let others: [String: ResourceSet]

  /// Makes a snapshot of sets, which may be shared with other snapshots.
  public init(
    clusters: ResourceSet = .empty, endpoints: ResourceSet = .empty, listeners: ResourceSet = .empty,
    others: [String: ResourceSet] = [:]
  ) {
    self.clusters = clusters
    self.endpoints = endpoints
    self.listeners = listeners
    self.others = others
  }

  /// Makes a snapshot of what the translation yields.
  ///
  /// - Parameter earlier: the snapshot that it replaces, whose sets are used again where nothing differs.
  public init(_ resources: ProxyResources, after earlier: ProxySnapshot? = nil) {
    self.init(
      clusters: ResourceSet(sorted: resources.clusters, orEqual: earlier?.clusters),
      endpoints: ResourceSet(sorted: resources.endpoints, orEqual: earlier?.endpoints),
      listeners: ResourceSet(sorted: resources.listeners, orEqual: earlier?.listeners))
  }

  /// The resources of a type; none for a type that is unknown.
  public subscript(typeURL: String) -> ResourceSet {
    switch typeURL {
    case ResourceTypeURL.cluster: clusters
    case ResourceTypeURL.endpoints: endpoints
    case ResourceTypeURL.listener: listeners
    default: others[typeURL] ?? .empty
    }
  }

  /// Makes a snapshot that shares the sets of an earlier one where their content is the same, so that replaced but
  /// equal resources are freed.
  public func sharing(_ earlier: ProxySnapshot) -> ProxySnapshot {
    ProxySnapshot(
      clusters: clusters == earlier.clusters ? earlier.clusters : clusters,
      endpoints: endpoints == earlier.endpoints ? earlier.endpoints : endpoints,
      listeners: listeners == earlier.listeners ? earlier.listeners : listeners,
      others: others == earlier.others ? earlier.others : others)
  }
}
