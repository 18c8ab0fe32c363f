import MeshControl
import MeshHTTP
import MeshPolicy
import MeshStore

/// Answers the API's questions from the index that also decides what proxies get, so the two cannot disagree.
struct LiveInspection: ProxyInspecting {
  let reconciler: Reconciler

  func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async throws(StoreError) -> Answer {
    await reconciler.inspect(mesh, question)
  }
}
