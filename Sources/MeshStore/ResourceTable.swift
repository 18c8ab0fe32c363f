package import MeshModel

/// Resources in memory, by type, mesh and name.
package struct ResourceTable: Sendable {
  private var resources: [ResourceType: [String: [String: Resource]]] = [:]

  package init(_ resources: some Sequence<Resource> = []) {
    for resource in resources { self[resource.key] = resource }
  }

  /// The resource of a key.
  package subscript(key: ResourceKey) -> Resource? {
    get { resources[key.type]?[key.mesh]?[key.name] }
    set {
      resources[key.type, default: [:]][key.mesh, default: [:]][key.name] = newValue
      if newValue == nil, resources[key.type]?[key.mesh]?.isEmpty == true { resources[key.type]?[key.mesh] = nil }
    }
  }

  /// Every resource, in no order.
  package var all: [Resource] { resources.values.flatMap { $0.values.flatMap(\.values) } }

  /// The resources of a type, sorted by mesh and name.
  package func list(_ type: ResourceType, mesh: String?) -> [Resource] {
    guard let meshes = resources[type] else { return [] }
    if let mesh { return (meshes[mesh] ?? [:]).values.sorted { $0.name < $1.name } }
    return meshes.values.flatMap(\.values).sorted { $0.key < $1.key }
  }

  /// Whether a mesh has resources of a type.
  package func contains(_ type: ResourceType, mesh: String) -> Bool { resources[type]?[mesh]?.isEmpty == false }

  /// What is deleted with a resource, itself included: a mesh with everything in it, a proxy with its insight.
  package func deletion(of key: ResourceKey) -> [ResourceKey] {
    switch key.type {
    case .mesh:
      return [key]
        + ResourceType.allCases.filter(\.isMeshScoped).flatMap { type in
          (resources[type]?[key.name] ?? [:]).values.map(\.key)
        }
    case .dataplane:
      let insight = ResourceKey(type: .dataplaneInsight, mesh: key.mesh, name: key.name)
      return self[insight] == nil ? [key] : [key, insight]
    case .trafficTrace, .dataplaneInsight, .secret, .globalSecret: return [key]
    }
  }
}
