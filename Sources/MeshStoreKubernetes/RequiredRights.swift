import KubernetesAPI
import MeshModel

/// What a control plane has to be allowed to do with the resources of its store.
enum RequiredRights {
  /// The verbs, as rules of RBAC name them.
  static func verbs(on type: ResourceType) -> [String] {
    let reading = ["get", "list", "watch"]
    switch type {
    case .mesh, .secret, .globalSecret: return reading + ["create"]
    case .trafficTrace: return reading
    case .dataplane, .dataplaneInsight: return reading + ["create", "update", "delete"]
    }
  }

  /// The verbs that are missing, by type, as the API server says.
  static func missing(_ client: KubernetesClient, systemNamespace: String) async throws(KubernetesError) -> [(
    type: ResourceType, verbs: [String]
  )] {
    var missing: [(type: ResourceType, verbs: [String])] = []
    // Both types of secrets are of one kind.
    for type in ResourceType.allCases.sorted() where type != .globalSecret {
      var verbs: [String] = []
      for verb in Self.verbs(on: type)
      where try await !client.isAllowed(
        verb, type.kubernetesKind, namespace: type.isSecret ? systemNamespace : nil)
      {
        verbs.append(verb)
      }
      if !verbs.isEmpty { missing.append((type, verbs)) }
    }
    return missing
  }

  /// What is missing in words; `nil` when nothing is, or when it cannot be asked.
  static func missingWords(_ client: KubernetesClient, systemNamespace: String) async -> String? {
    guard let missing = try? await missing(client, systemNamespace: systemNamespace), !missing.isEmpty else {
      return nil
    }
    return missing.map { "\($0.verbs.joined(separator: ", ")) on \($0.type.kubernetesKind.qualifiedName)" }
      .joined(separator: "; ")
  }
}
