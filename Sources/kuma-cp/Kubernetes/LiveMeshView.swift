import Documents
import KubernetesAPI
import MeshHTTP
import MeshKubernetes
import MeshModel
import MeshStoreKubernetes

/// Looks up for the admission what the API server has now. What this control plane has in memory may be a moment older than
/// the object before in the same file.
struct LiveMeshView: MeshView {
  let client: KubernetesClient
  let preview: WritePreview
  /// Looks up a namespace.
  let namespaces: NamespaceLookup

  /// How long warnings may take. A write does not wait longer for them.
  private static let warningTime = Duration.seconds(3)

  func uid(ofMesh name: String) async throws -> String? { try await object(ofMesh: name)?.uid }

  func exists(mesh name: String) async throws -> Bool {
    if await preview.knows(mesh: name) { return true }
    return try await object(ofMesh: name) != nil
  }

  func namespace(_ name: String) async throws -> NamespaceFacts? {
    try await namespaces.find(name).map { NamespaceFacts(of: $0.document) }
  }

  func hasDataplanes(inMesh name: String) async throws -> Bool {
    try await client.list(ResourceType.dataplane.kubernetesKind).objects.contains { $0["mesh"]?.string == name }
  }

  func warnings(writing resource: Resource, notices: [FieldNotice]) async -> [String] {
    let warnings = await withDeadline(Self.warningTime) {
      await preview.warnings(writing: resource, notices: notices, in: mesh(of: resource))
    }
    return warnings ?? notices.messages
  }

  /// The mesh of a resource, where the control plane may not know it as it is. Proxies do not depend on what their mesh says, and
  /// may be many.
  private func mesh(of resource: Resource) async -> Resource? {
    switch resource.type {
    case .mesh, .dataplaneInsight, .secret, .globalSecret: return nil
    case .trafficTrace: break
    case .dataplane: if await preview.knows(mesh: resource.mesh) { return nil }
    }
    guard let object = try? await object(ofMesh: resource.mesh) else { return nil }
    return try? ResourceDocument(stored: object.document).resource
  }

  private func object(ofMesh name: String) async throws(KubernetesError) -> KubernetesObject? {
    try await client.find(ResourceType.mesh.kubernetesKind, name: name)
  }
}
