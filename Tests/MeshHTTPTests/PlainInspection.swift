import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore

/// Matching by the plain rules, straight from the store: every policy is compared with every proxy.
struct PlainInspection: ProxyInspecting {
  let store: any ResourceStore

  func winner(for proxy: ProxyID) async throws(StoreError) -> String? {
    guard let resource = try await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) else {
      return nil
    }
    return Self.winner(for: resource, among: try await store.list(.trafficTrace, mesh: proxy.mesh))
  }

  func proxies(wonBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    let policies = try await store.list(.trafficTrace, mesh: mesh)
    return try await store.list(.dataplane, mesh: mesh)
      .filter { Self.winner(for: $0, among: policies) == policy }.map(\.name)
  }

  func proxies(matchedBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    guard let resource = try await store.get(ResourceKey(type: .trafficTrace, mesh: mesh, name: policy)) else {
      return []
    }
    return try await store.list(.dataplane, mesh: mesh).filter { Self.rank(of: resource, for: $0) != nil }.map(\.name)
  }

  func explanation(of proxy: ProxyID) async throws(StoreError) -> DocumentValue? {
    guard try await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) != nil else {
      return nil
    }
    let winner = try await winner(for: proxy)
    return ["proxy": .string(proxy.description), "winner": winner.map(DocumentValue.string) ?? .null]
  }

  private static func winner(for proxy: Resource, among policies: [Resource]) -> String? {
    var best: (rank: (Int, Int), time: Timestamp, name: String)?
    for policy in policies.sorted(by: { $0.name < $1.name }) {
      guard let rank = rank(of: policy, for: proxy) else { continue }
      let time = policy.creationTime ?? Timestamp(seconds: 0)
      if let current = best {
        guard rank > current.rank || (rank == current.rank && time > current.time) else { continue }
      }
      best = (rank, time, policy.name)
    }
    return best?.name
  }

  /// The total and the exact tags of the best selector that one inbound or gateway has wholly.
  private static func rank(of policy: Resource, for proxy: Resource) -> (Int, Int)? {
    guard let policy = policy.content(TrafficTrace.self), let dataplane = proxy.content(Dataplane.self) else {
      return nil
    }
    var best: (Int, Int)?
    for selector in policy.selectors {
      let matches = dataplane.tagSets.contains { tags in
        selector.match.allSatisfy { name, value in tags[name] != nil && (value == "*" || tags[name] == value) }
      }
      guard matches else { continue }
      let rank = (selector.match.count, selector.match.values.count { $0 != "*" })
      if let current = best, current >= rank { continue }
      best = rank
    }
    return best
  }
}
