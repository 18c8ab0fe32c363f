package import Documents
package import MeshModel
import OrderedCollections

/// What has to be looked up to answer an ``AdmissionRequest``.
package protocol MeshView: Sendable {
  /// The uid of a Mesh object, as the API server knows it now; `nil` when there is no such mesh.
  ///
  /// - Throws: an error that describes itself to a user, when the mesh cannot be looked up.
  func uid(ofMesh name: String) async throws -> String?

  /// Whether a mesh exists, as far as the control plane or the API server knows.
  ///
  /// - Throws: an error that describes itself to a user, when that is not known.
  func exists(mesh name: String) async throws -> Bool

  /// What a namespace says about its pods; `nil` when there is no such namespace.
  ///
  /// - Throws: an error that describes itself to a user, when the namespace cannot be looked up.
  func namespace(_ name: String) async throws -> NamespaceFacts?

  /// Whether data plane proxies belong to a mesh.
  ///
  /// - Throws: an error that describes itself to a user, when that is not known.
  func hasDataplanes(inMesh name: String) async throws -> Bool

  /// The warnings about a write, as the HTTP API would give them; none where they cannot be computed.
  ///
  /// - Parameter notices: the fields of the object that are ignored.
  func warnings(writing resource: Resource, notices: [FieldNotice]) async -> [String]
}
