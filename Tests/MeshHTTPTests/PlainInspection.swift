import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport

/// Matching by the plain rules, straight from the store.
struct PlainInspection: ProxyInspecting {
  let store: any ResourceStore

  func winner(for proxy: ProxyID) async throws(StoreError) -> String? {
    guard let dataplane = try await dataplane(proxy) else { return nil }
    return try await matching(in: proxy.mesh).winner(for: dataplane)
  }

  func proxies(wonBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    let matching = try await matching(in: mesh)
    return try await names(in: mesh) { matching.winner(for: $0) == policy }
  }

  func proxies(matchedBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    let key = ResourceKey(type: .trafficTrace, mesh: mesh, name: policy)
    guard let resource = try await store.get(key) else { return [] }
    return try await names(in: mesh) { PlainMatching.matches(resource, $0) }
  }

  func explanation(of proxy: ProxyID) async throws(StoreError) -> DocumentValue? {
    guard try await dataplane(proxy) != nil else { return nil }
    let winner = try await winner(for: proxy)
    return ["proxy": .string(proxy.description), "winner": winner.map(DocumentValue.string) ?? .null]
  }

  private func dataplane(_ proxy: ProxyID) async throws(StoreError) -> Dataplane? {
    try await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name))?.content(Dataplane.self)
  }

  private func matching(in mesh: String) async throws(StoreError) -> PlainMatching {
    PlainMatching(try await store.list(.trafficTrace, mesh: mesh))
  }

  private func names(in mesh: String, where holds: (Dataplane) -> Bool) async throws(StoreError) -> [String] {
    try await store.list(.dataplane, mesh: mesh)
      .filter { $0.content(Dataplane.self).map(holds) ?? false }.map(\.name)
  }
}
