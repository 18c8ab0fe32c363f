package import KubernetesAPI
package import MeshModel
package import MeshStore

/// A Pod in the words of its Dataplane, which has its name.
package struct PodIdentity: Sendable, Hashable {
  /// The namespace.
  package var namespace: String
  /// The name.
  package var name: String
  /// What tells the Pod from an earlier one of its name.
  package var uid: String

  /// Names a Pod.
  package init(namespace: String, name: String, uid: String) {
    self.namespace = namespace
    self.name = name
    self.uid = uid
  }

  /// The Pod as the owner of its Dataplane.
  var owner: ObjectOwner { .pod(name: name, uid: uid) }
}

extension KubernetesStore {
  /// The stored object of a Dataplane, whatever its mesh.
  package func dataplaneObject(namespace: String, name: String) -> KubernetesObject? {
    replicas[.dataplane]?.object(namespace: namespace, name: name)
  }

  /// Creates or updates the Dataplane that is made from a Pod, and belongs to it. One that says the same already is left as it is.
  ///
  /// - Throws: ``StoreError`` `conflict` when the Dataplane is there and belongs to another controller, and what
  ///   ``put(_:if:)`` throws.
  package func put(_ dataplane: Dataplane, mesh: String, of pod: PodIdentity) async throws(StoreError) -> (
    stored: Resource, created: Bool
  ) {
    let resource = Resource(mesh: mesh, name: "\(pod.name).\(pod.namespace)", spec: .dataplane(dataplane))
    return try await put(resource, if: .always, owner: pod.owner)
  }

  /// Pods are going for good, so nobody is to call them any more: what is stored of them counts as not ready from now on, until it
  /// is written again. The leader writes that in a moment; this control plane's proxies need not wait for it.
  package func note(goingPods pods: [PodIdentity]) {
    var known: [(id: ResourceReadings.ObjectID, revision: UInt64)] = []
    for pod in pods {
      guard let object = dataplaneObject(namespace: pod.namespace, name: pod.name), pod.owner.isOwner(of: object),
        let revision = UInt64(object.resourceVersion)
      else { continue }
      known.append((ResourceReadings.ObjectID(.dataplane, object), revision))
    }
    content.makeNotReady(known)
  }
}

extension Dataplane {
  /// The Dataplane of a pod that is going; `nil` when nobody calls it anyway. Source of the fields: Kuma 2.7.
  var notReady: Dataplane? {
    guard var networking, networking.inbound.contains(where: \.isHealthy) else { return nil }
    for index in networking.inbound.indices where networking.inbound[index].isHealthy {
      networking.inbound[index].state = "NotReady"
      networking.inbound[index].ready = false
    }
    var result = self
    result.networking = networking
    return result
  }
}
