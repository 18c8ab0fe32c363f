/// Everything that one proxy is configured with. Each list is sorted by name and holds no name twice.
public struct ProxyResources: Sendable, Hashable {
  /// Resources of a type: those that many proxies share, and the proxy's own.
  struct Part: Hashable {
    /// The proxy's own, sorted by name.
    var own: [EncodedResource]
    /// Those that many proxies share.
    var shared: ResourceSet?
    /// The names of shared ones that this proxy does not get.
    var hidden: Set<String> = []

    /// All of them; of two with one name, the proxy's own.
    var all: [EncodedResource] {
      guard let shared else { return own }
      let base = hidden.isEmpty ? shared.resources : shared.resources.filter { !hidden.contains($0.name) }
      return own.isEmpty ? base : Self.merged(base, with: own)
    }

    private static func merged(_ first: [EncodedResource], with second: [EncodedResource]) -> [EncodedResource] {
      var result: [EncodedResource] = []
      result.reserveCapacity(first.count + second.count)
      var index = first.startIndex
      for resource in second {
        while index < first.endIndex, first[index].name < resource.name {
          result.append(first[index])
          index += 1
        }
        if index < first.endIndex, first[index].name == resource.name { index += 1 }
        result.append(resource)
      }
      result.append(contentsOf: first[index...])
      return result
    }
  }

  var listenerPart: Part
  var clusterPart: Part
  var endpointPart: Part

  /// The listeners.
  public var listeners: [EncodedResource] {
    get { listenerPart.all }
    set { listenerPart = Part(own: newValue) }
  }
  /// The clusters that the listeners name.
  public var clusters: [EncodedResource] {
    get { clusterPart.all }
    set { clusterPart = Part(own: newValue) }
  }
  /// The endpoints of clusters that use EDS.
  public var endpoints: [EncodedResource] {
    get { endpointPart.all }
    set { endpointPart = Part(own: newValue) }
  }
  /// The secrets that the clusters name.
  public var secrets = ResourceSet.empty
  /// How the proxy reports its spans.
  public var reporting: SpanReporting

  /// Makes a configuration.
  public init(
    listeners: [EncodedResource] = [], clusters: [EncodedResource] = [], endpoints: [EncodedResource] = [],
    reporting: SpanReporting = .untraced
  ) {
    listenerPart = Part(own: listeners)
    clusterPart = Part(own: clusters)
    endpointPart = Part(own: endpoints)
    self.reporting = reporting
  }
}
