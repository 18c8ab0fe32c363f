/// Everything that one proxy should hold: its resources by type, each type with a version of its content.
///
/// A value with shared storage: a snapshot of shared resources costs three references.
public struct ProxySnapshot: Sendable, Equatable {
  /// The clusters.
  public let clusters: ResourceSet
  /// The endpoints of clusters that use EDS.
  public let endpoints: ResourceSet
  /// The listeners.
  public let listeners: ResourceSet
  /// Resources of other types, by type URL. A missing type has no resources.
  public let others: [String: ResourceSet]
  /// How the proxy reports its spans.
  public let reporting: SpanReporting

  /// Makes a snapshot of sets, which other snapshots may share.
  public init(
    clusters: ResourceSet = .empty, endpoints: ResourceSet = .empty, listeners: ResourceSet = .empty,
    others: [String: ResourceSet] = [:], reporting: SpanReporting = .untraced
  ) {
    self.clusters = clusters
    self.endpoints = endpoints
    self.listeners = listeners
    self.others = others
    self.reporting = reporting
  }

  /// Makes a snapshot of translated resources.
  ///
  /// - Parameter earlier: the snapshot that it replaces, whose equal sets are reused.
  public init(_ resources: ProxyResources, after earlier: ProxySnapshot? = nil) {
    self.init(
      clusters: ResourceSet(resources.clusterPart, orEqual: earlier?.clusters),
      endpoints: ResourceSet(resources.endpointPart, orEqual: earlier?.endpoints),
      listeners: ResourceSet(resources.listenerPart, orEqual: earlier?.listeners),
      others: resources.secrets.isEmpty ? [:] : [ResourceTypeURL.secret: resources.secrets],
      reporting: resources.reporting)
  }

  /// The resources of a type; none for an unknown type.
  public subscript(typeURL: String) -> ResourceSet {
    switch typeURL {
    case ResourceTypeURL.cluster: clusters
    case ResourceTypeURL.endpoints: endpoints
    case ResourceTypeURL.listener: listeners
    default: others[typeURL] ?? .empty
    }
  }

  /// Makes a snapshot that shares the equal sets of an earlier one, so that duplicates are freed.
  public func sharing(_ earlier: ProxySnapshot) -> ProxySnapshot {
    ProxySnapshot(
      clusters: clusters == earlier.clusters ? earlier.clusters : clusters,
      endpoints: endpoints == earlier.endpoints ? earlier.endpoints : endpoints,
      listeners: listeners == earlier.listeners ? earlier.listeners : listeners,
      others: others == earlier.others ? earlier.others : others, reporting: reporting)
  }
}
