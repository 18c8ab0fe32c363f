package import MeshModel
import MeshPolicy
package import MeshStore

/// A store whose DataplaneInsights have the current connections and counts, not those of the last write.
///
/// Responses and answers of proxies are counted in memory. Writing them after every push would cost more than the push. A proxy that
/// has just connected has an insight here before the first one is written.
package struct LiveInsights: ResourceStore {
  let store: any ResourceStore
  let sessions: ProxySessions

  /// Wraps a store.
  package init(store: any ResourceStore, sessions: ProxySessions) {
    self.store = store
    self.sessions = sessions
  }

  package func get(_ key: ResourceKey) async throws(StoreError) -> Resource? {
    let resource = try await store.get(key)
    guard key.type == .dataplaneInsight else { return resource }
    let proxy = ProxyID(mesh: key.mesh, name: key.name)
    let newest = await sessions.subscriptions(of: proxy)
    return resource.map { updated($0, with: newest) } ?? Self.first(of: proxy, newest)
  }

  package func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource] {
    let resources = try await store.list(type, mesh: mesh)
    guard type == .dataplaneInsight else { return resources }
    var newest = await sessions.subscriptions(mesh: mesh)
    let written = resources.map {
      updated($0, with: newest.removeValue(forKey: ProxyID(mesh: $0.mesh, name: $0.name)) ?? [])
    }
    let first = newest.compactMap { Self.first(of: $0, $1) }
    return first.isEmpty ? written : (written + first).sorted { $0.key < $1.key }
  }

  /// The insight of a proxy that has none yet; `nil` where it has not connected, either.
  private static func first(of proxy: ProxyID, _ newest: [DataplaneInsight.Subscription]) -> Resource? {
    guard !newest.isEmpty else { return nil }
    return Resource(mesh: proxy.mesh, name: proxy.name, spec: DataplaneInsight().updated(with: newest).spec)
  }

  private func updated(_ resource: Resource, with newest: [DataplaneInsight.Subscription]) -> Resource {
    guard let insight = resource.content(DataplaneInsight.self) else { return resource }
    var result = resource
    result.spec = sessions.settings.known(insight).updated(with: newest).spec
    return result
  }

  package func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    try await store.put(resource, if: condition)
  }

  package func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    try await store.delete(key, if: condition)
  }

  package func changes() -> ResourceChanges { store.changes() }

  package var sequence: UInt64 { store.sequence }

  package func obstacle() async -> String? { await store.obstacle() }
}
