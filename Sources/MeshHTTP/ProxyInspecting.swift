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

  /// The form of the reports of a connected proxy; `nil` when it is not connected, or does not report to Zipkin.
  func reports(of proxy: ProxyID) async -> ReportForm?
}

extension ProxyInspecting {
  /// Nothing: no proxy is connected.
  public func reports(of proxy: ProxyID) async -> ReportForm? { nil }

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

  /// Why a proxy is traced or not; `nil` when there is no such proxy.
  func explanation(of proxy: ProxyID) async throws(StoreError) -> ProxyExplanation? {
    var explanation = try await inspect(proxy.mesh) { $0.explanation(for: proxy.name) }
    if explanation != nil { explanation?.reports = await reports(of: proxy) }
    return explanation
  }
}
