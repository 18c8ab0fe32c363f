public import MeshModel
public import MeshPolicy
public import MeshStore

/// Knows which policy applies to which proxy.
///
/// An answer reflects every write that the store acknowledged before the question was asked, so that a user who has
/// just written a policy sees its effect.
public protocol ProxyInspecting: Sendable {
  /// The name of the TrafficTrace that applies to a proxy; `nil` when none does or there is no such proxy.
  ///
  /// - Throws: ``StoreError`` `unavailable` when the state is not known.
  func winner(for proxy: ProxyID) async throws(StoreError) -> String?

  /// The names of a mesh's proxies to which a TrafficTrace applies, sorted. Whether its backend exists is no matter.
  func proxies(wonBy policy: String, mesh: String) async throws(StoreError) -> [String]

  /// The names of a mesh's proxies that any selector of a TrafficTrace matches, sorted.
  func proxies(matchedBy policy: String, mesh: String) async throws(StoreError) -> [String]

  /// Why a proxy is traced, or is not: the policies considered, the winner, the backend and the listeners, as a document;
  /// `nil` when there is no such proxy.
  func explanation(of proxy: ProxyID) async throws(StoreError) -> DocumentValue?
}
