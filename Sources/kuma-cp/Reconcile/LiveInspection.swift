import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore

/// Answers the API's questions from the index that decides what proxies get, so that both can never disagree.
struct LiveInspection: ProxyInspecting {
  let reconciler: Reconciler

  func winner(for proxy: ProxyID) async throws(StoreError) -> String? {
    await reconciler.inspect(proxy.mesh) { $0.winner(for: proxy.name)?.name }
  }

  func proxies(wonBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    await reconciler.inspect(mesh) { $0.proxies(wonBy: policy).sorted() }
  }

  func proxies(matchedBy policy: String, mesh: String) async throws(StoreError) -> [String] {
    await reconciler.inspect(mesh) { index in
      index.policy(policy).map { index.proxies(matching: $0).sorted() } ?? []
    }
  }

  func explanation(of proxy: ProxyID) async throws(StoreError) -> DocumentValue? {
    await reconciler.inspect(proxy.mesh) { $0.explanation(for: proxy.name)?.document }
  }
}
