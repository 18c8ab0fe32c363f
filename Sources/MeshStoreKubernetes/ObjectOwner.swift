import Documents
import KubernetesAPI
import MeshModel
import OrderedCollections

/// The owner of an object: the cluster's garbage collector deletes both together.
struct ObjectOwner: Sendable, Hashable {
  var apiVersion: String
  var kind: String
  var name: String
  var uid: String
  /// Whether the object is made from its owner and follows it: no other controller may write it.
  var isController = false

  /// The Pod that a Dataplane is made from.
  static func pod(name: String, uid: String) -> ObjectOwner {
    let kind = KubernetesKind.pod
    return ObjectOwner(apiVersion: kind.apiVersion, kind: kind.kind, name: name, uid: uid, isController: true)
  }

  /// Another object of the mesh.
  static func resource(_ object: KubernetesObject) -> ObjectOwner {
    ObjectOwner(apiVersion: ResourceDocument.apiVersion, kind: object.kind, name: object.name, uid: object.uid)
  }

  /// Whether an object may get this owner: no other controller makes it. An earlier one of its name is gone, such as the last
  /// pod of a StatefulSet. Source: Kuma 2.7.
  func mayOwn(_ object: KubernetesObject) -> Bool {
    let references = object.metadata["ownerReferences"]?.array ?? []
    return !references.contains { $0["controller"]?.bool == true && !isReplaced($0) }
  }

  private func isReplaced(_ other: DocumentValue) -> Bool {
    other["apiVersion"]?.string == apiVersion && other["kind"]?.string == kind && other["name"]?.string == name
  }

  /// Whether this is an owner of an object already.
  func isOwner(of object: KubernetesObject) -> Bool {
    object.metadata["ownerReferences"]?.array?.contains { $0["uid"]?.string == uid } ?? false
  }

  /// Makes this the owner of an object. An earlier owner of the same name is gone. Source: Kuma 2.7.
  func own(_ object: inout KubernetesObject) {
    var reference: DocumentValue.Object = [
      "apiVersion": .string(apiVersion), "kind": .string(kind), "name": .string(name), "uid": .string(uid),
    ]
    if isController {
      reference["controller"] = true
      reference["blockOwnerDeletion"] = true
    }
    guard !isOwner(of: object) else { return }
    var references = object.metadata["ownerReferences"]?.array ?? []
    references.removeAll { isReplaced($0) }
    object.metadata["ownerReferences"] = .array(references + [.object(reference)])
  }
}
