import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore

/// Answers from an index made anew from the store for each question.
struct IndexInspection: ProxyInspecting {
  let store: any ResourceStore

  func inspect<Answer: Sendable>(
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
    return question(index)
  }
}
