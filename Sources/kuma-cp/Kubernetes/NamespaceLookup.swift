import KubernetesAPI
import MeshModel

/// Looks up namespaces: in memory, so that many new pods cost no requests, and at the API server where one is not known yet.
struct NamespaceLookup: Sendable {
  let client: KubernetesClient
  /// The namespaces in memory, with labels and annotations.
  let replica: KindReplica

  /// A namespace; `nil` when there is none.
  func find(_ name: String) async throws(KubernetesError) -> KubernetesObject? {
    let known = replica.object(name: name)
    if let known, replica.trouble == nil { return known }
    do throws(KubernetesError) {
      return try await client.list(.namespace, name: name).objects.first
    } catch {
      // What was known last is better than no pods at all.
      guard let known else { throw error }
      return known
    }
  }
}
