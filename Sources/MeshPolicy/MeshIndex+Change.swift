public import MeshModel

extension MeshIndex {
  /// Changes that were committed together: written and deleted resources of this mesh.
  public struct Change: Sendable {
    /// The mesh itself; an inner `nil` when it was deleted.
    public var mesh: Mesh??
    /// Proxies by name; `nil` when deleted.
    public var dataplanes: [String: Dataplane?]
    /// When these Dataplanes were created, by name, as far as it is known.
    package var creationTimes: [String: Timestamp]
    /// Policies by name with their creation times; `nil` when deleted.
    public var policies: [String: (content: TrafficTrace, creationTime: Timestamp)?]
    /// Secrets by name; `nil` when deleted.
    public var secrets: [String: Secret?]

    /// Where services are reached without the mesh's help, by service; `nil` when nowhere any more. Services of other meshes may be
    /// among them.
    package var serviceAddresses: [String: ServiceAddress?]

    /// An empty change.
    public init() {
      mesh = nil
      dataplanes = [:]
      creationTimes = [:]
      policies = [:]
      secrets = [:]
      serviceAddresses = [:]
    }

    /// Whether nothing changed.
    public var isEmpty: Bool {
      mesh == nil && dataplanes.isEmpty && policies.isEmpty && secrets.isEmpty && serviceAddresses.isEmpty
    }

    /// Adds a resource of the mesh that was written or deleted.
    ///
    /// - Parameter resource: the resource as it is now; `nil` when it was deleted.
    public mutating func note(_ key: ResourceKey, _ resource: Resource?) {
      switch key.type {
      case .mesh: mesh = .some(resource?.content(Mesh.self))
      case .trafficTrace:
        policies[key.name] = .some(
          resource.flatMap { resource in
            resource.content(TrafficTrace.self).map {
              (content: $0, creationTime: resource.creationTime ?? Timestamp(seconds: 0))
            }
          })
      case .dataplane:
        dataplanes[key.name] = .some(resource?.content(Dataplane.self))
        creationTimes[key.name] = resource?.creationTime
      case .secret: secrets[key.name] = .some(resource?.content(Secret.self))
      case .dataplaneInsight, .globalSecret: break
      }
    }
  }
}
