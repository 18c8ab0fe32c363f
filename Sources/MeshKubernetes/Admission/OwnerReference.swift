import Documents
import MeshModel
import OrderedCollections

/// The reference of a policy to its Mesh, by which the cluster deletes it with the mesh.
struct OwnerReference {
  /// The name of the mesh.
  let mesh: String
  /// The uid of the Mesh object.
  let uid: String

  /// What is missing in a policy.
  func patch(of object: DocumentValue.Object) -> [JSONPatchOperation] {
    let path = ["metadata", "ownerReferences"]
    guard let present = object["metadata"]?["ownerReferences"]?.array, !present.isEmpty else {
      return [.add(path, [document])]
    }
    guard !present.contains(where: { $0["uid"]?.string == uid }) else { return [] }
    return [.add(path + ["-"], document)]
  }

  private var document: DocumentValue {
    [
      "apiVersion": .string(ResourceDocument.apiVersion), "kind": .string(ResourceType.mesh.rawValue),
      "name": .string(mesh), "uid": .string(uid),
    ]
  }
}
