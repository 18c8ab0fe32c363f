import MeshHTTP
import MeshModel
package import MeshPolicy
package import MeshStore

/// Answers questions about proxies from an index that is built from the store for each question.
package struct IndexInspection: ProxyInspecting {
  private let store: any ResourceStore

  /// Inspection of what a store holds.
  package init(store: any ResourceStore) { self.store = store }

  /// Answers a question about a mesh.
  package func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async throws(StoreError) -> Answer {
    var change = MeshIndex.Change()
    let key = ResourceKey(type: .mesh, name: mesh)
    change.note(key, try await store.get(key))
    for type in [ResourceType.trafficTrace, .dataplane] {
      for resource in try await store.list(type, mesh: mesh) { change.note(resource.key, resource) }
    }
    var index = MeshIndex(name: mesh)
    _ = index.apply(change)
    // Each question makes another index, whose changes were all applied at once.
    index.revision = Int(store.sequence)
    return question(index)
  }
}
