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
  /// A key, token or password of a mesh. Its data is never shown.
  case secret = "Secret"
  /// A key, token or password of the control plane. Its data is never shown.
  case globalSecret = "GlobalSecret"

  /// Whether resources of the type belong to a mesh.
  public var isMeshScoped: Bool { self != .mesh && self != .globalSecret }

  /// Whether resources of the type hold what nobody may read through the API.
  public var isSecret: Bool { self == .secret || self == .globalSecret }

  /// The segment of the HTTP API's path: `traffic-traces`.
  public var pathSegment: String {
    switch self {
    case .mesh: "meshes"
    case .trafficTrace: "traffic-traces"
    case .dataplane: "dataplanes"
    case .dataplaneInsight: "dataplane-insights"
    case .secret: "secrets"
    case .globalSecret: "global-secrets"
    }
  }

  /// The word of the command line for one resource: `traffic-trace`.
  public var argument: String {
    switch self {
    case .mesh: "mesh"
    case .trafficTrace: "traffic-trace"
    case .dataplane: "dataplane"
    case .dataplaneInsight: "dataplane-insight"
    case .secret: "secret"
    case .globalSecret: "global-secret"
    }
  }

  /// The name in paths of the Kubernetes API: `traffictraces`. Source: the custom resources of Kuma 2.7.
  public var kubernetesPlural: String {
    switch self {
    case .mesh: "meshes"
    case .trafficTrace: "traffictraces"
    case .dataplane: "dataplanes"
    case .dataplaneInsight: "dataplaneinsights"
    case .secret, .globalSecret: "secrets"
    }
  }

  /// Whether its custom resources live in namespaces. Their names within the mesh are then `name.namespace`.
  public var isNamespacedInKubernetes: Bool { self == .dataplane || self == .dataplaneInsight }

  /// The key of an object under which the specification stands. Insights have none but a status.
  public var kubernetesPayloadKey: String { isSecret ? "data" : self == .dataplaneInsight ? "status" : "spec" }

  /// The field `type` of the Secret objects that hold resources of the type; `nil` for custom resources. Source: Kuma 2.7.
  public var kubernetesSecretType: String? {
    switch self {
    case .secret: "system.kuma.io/secret"
    case .globalSecret: "system.kuma.io/global-secret"
    case .mesh, .trafficTrace, .dataplane, .dataplaneInsight: nil
    }
  }

  /// The types that custom resources hold. Secrets are in objects of Kubernetes' own kind.
  public static let customResources = allCases.filter { !$0.isSecret }

  /// Whether users write resources of the type; insights are written by the control plane only.
  public var isUserWritten: Bool { self != .dataplaneInsight }

  /// By name.
  public static func < (a: ResourceType, b: ResourceType) -> Bool { a.rawValue < b.rawValue }
}
