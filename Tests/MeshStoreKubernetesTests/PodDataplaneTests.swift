import Documents
import KubernetesAPI
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import TestSupport
import Testing

@testable import MeshStoreKubernetes

extension KubernetesStoreTests {
  private func dataplane(_ address: String = "10.0.0.1") throws -> Dataplane {
    try #require(Resource.dataplane("d.shop", address: address).content(Dataplane.self))
  }

  private func pod(_ uid: String, name: String = "d") -> PodIdentity {
    PodIdentity(namespace: "shop", name: name, uid: uid)
  }

  @Test("a Pod's Dataplane is written for this Pod alone, is known at once, and costs no write where nothing differs")
  func podsDataplanes() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster) { stores in
      let store = stores[0]
      for mesh in ["default", "other"] { try await store.put(.mesh(mesh)) }
      let first = try await store.put(try dataplane(), mesh: "default", of: pod("1"))
      #expect(first.created && first.stored.key == Resource.dataplane("d.shop").key)
      #expect(store.object(of: first.stored.key)?.resourceVersion == "\(first.stored.revision)")
      let again = try await store.put(try dataplane(), mesh: "default", of: pod("1"))
      #expect(!again.created && again.stored.revision == first.stored.revision)
      // The next pod of a StatefulSet, whose mesh was changed.
      let next = try await store.put(try dataplane("10.0.0.9"), mesh: "other", of: pod("2"))
      let object = store.dataplaneObject(namespace: "shop", name: "d")
      #expect(object?.metadata["ownerReferences"]?.array?.map { $0["uid"] } == ["2"] && object?["mesh"] == "other")
      #expect(try store.get(first.stored.key) == nil && store.get(next.stored.key) == next.stored)

      var foreign = try #require(object)
      foreign.metadata["ownerReferences"] = [
        ["apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "3", "controller": true]
      ]
      _ = try await cluster.client.replace(ResourceType.dataplane.kubernetesKind, foreign)
      let error = try await #require(throws: StoreError.self) {
        _ = try await store.put(try dataplane(), mesh: "other", of: pod("4"))
      }
      #expect(error.code == .conflict && error.message.contains("another controller than the Pod \"d\" owns it"))
    }
  }

  @Test("the Dataplane of a Pod that is going counts as not ready before anybody has written it, until it is written")
  func goingPods() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster, count: 2) { stores in
      let store = stores[0]
      try await store.put(.mesh())
      let stored = try await store.put(try dataplane(), mesh: "default", of: pod("1")).stored
      func isReady() throws -> Bool? {
        try store.get(stored.key)?.content(Dataplane.self)?.networking?.inbound.contains(where: \.isHealthy)
      }
      // Another pod of that name, and another pod.
      store.note(goingPods: [pod("0"), pod("1", name: "other")])
      #expect(try isReady() == true)
      store.note(goingPods: [pod("1")])
      #expect(try isReady() == false && store.get(stored.key)?.revision == stored.revision)
      #expect(store.dataplaneObject(namespace: "shop", name: "d")?.resourceVersion == "\(stored.revision)")
      let sequence = store.sequence
      store.note(goingPods: [pod("1")])
      #expect(store.sequence == sequence)
      // Another control plane has not noticed it, and writes for a new pod.
      try await eventually("the Dataplane there") { try stores[1].get(stored.key) != nil }
      _ = try await stores[1].put(try dataplane("10.0.0.2"), mesh: "default", of: pod("2"))
      try await eventually("the new pod") { try isReady() == true }
      store.note(goingPods: [pod("1")])
      #expect(try isReady() == true)
    }
  }
}
