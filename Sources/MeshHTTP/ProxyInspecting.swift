import MeshModel
public import MeshPolicy
public import MeshStore

/// Knows which policy applies to which proxy.
///
/// An answer reflects every write that the store acknowledged before the call, so that a user who has just written a
/// policy sees its effect.
public protocol ProxyInspecting: Sendable {
  /// Reads the index of a mesh; the index of an unknown mesh is empty.
  ///
  /// - Throws: ``StoreError`` `unavailable` when the state is unknown.
  func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async throws(StoreError) -> Answer
}

extension ProxyInspecting {
  /// The name of the TrafficTrace that applies to a proxy; `nil` when none does or there is no such proxy.
  func winner(for proxy: ProxyID) async throws(StoreError) -> String? {
    try await inspect(proxy.mesh) { $0.winner(for: proxy.name)?.name }
  }

  /// The names of a mesh's proxies to which a TrafficTrace applies, sorted, whether or not its backend exists.
  func proxies(wonBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    try await inspect(mesh) { $0.proxies(wonBy: policy).sorted() }
  }

  /// The names of a mesh's proxies that any selector of a TrafficTrace matches, sorted.
  func proxies(matchedBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    try await inspect(mesh) { index in
      index.policy(policy).map { index.proxies(matching: $0).sorted() } ?? []
    }
  }
}
