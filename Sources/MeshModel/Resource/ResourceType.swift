/// The kinds of resources, under Kuma's names.
public enum ResourceType: String, Sendable, Hashable, CaseIterable, Codable, Comparable {
  /// A mesh with its tracing backends.
  case mesh = "Mesh"
  /// A policy that selects proxies for tracing.
  case trafficTrace = "TrafficTrace"
  /// A data plane proxy.
  case dataplane = "Dataplane"
  /// What the control plane knows of a running proxy.
  case dataplaneInsight = "DataplaneInsight"

  /// Whether resources of the type belong to a mesh.
  public var isMeshScoped: Bool { self != .mesh }

  /// The segment of the HTTP API's path: `traffic-traces`.
  public var pathSegment: String {
    switch self {
    case .mesh: "meshes"
    case .trafficTrace: "traffic-traces"
    case .dataplane: "dataplanes"
    case .dataplaneInsight: "dataplane-insights"
    }
  }

  /// The word of the command line for one resource: `traffic-trace`.
  public var argument: String {
    switch self {
    case .mesh: "mesh"
    case .trafficTrace: "traffic-trace"
    case .dataplane: "dataplane"
    case .dataplaneInsight: "dataplane-insight"
    }
  }

  /// The name in paths of the Kubernetes API: `traffictraces`. Source: the custom resources of Kuma 2.7.
  public var kubernetesPlural: String {
    switch self {
    case .mesh: "meshes"
    case .trafficTrace: "traffictraces"
    case .dataplane: "dataplanes"
    case .dataplaneInsight: "dataplaneinsights"
    }
  }

  /// Whether its custom resources live in namespaces. Their names within the mesh are then `name.namespace`.
  public var isNamespacedInKubernetes: Bool { self == .dataplane || self == .dataplaneInsight }

  /// The key of a custom resource under which the specification stands. Insights have none but a status.
  public var kubernetesPayloadKey: String { self == .dataplaneInsight ? "status" : "spec" }

  /// Whether users write resources of the type; insights are written by the control plane only.
  public var isUserWritten: Bool { self != .dataplaneInsight }

  /// By name.
  public static func < (a: ResourceType, b: ResourceType) -> Bool { a.rawValue < b.rawValue }
}
