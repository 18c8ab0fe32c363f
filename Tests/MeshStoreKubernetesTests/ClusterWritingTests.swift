import KubernetesAPI
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Synchronization
import Testing

@testable import MeshStoreKubernetes

extension KubernetesStoreTests {
  @Test("what users and other control planes write is read, in any order and from any mesh to another")
  func usersWrite() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster, count: 2) { stores in
      let key = ResourceKey(type: .trafficTrace, mesh: "default", name: "t")
      // The policy comes before its mesh.
      let created = try await cluster.create(
        .trafficTrace,
        """
        {apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: default, metadata: {name: t, labels: {team: a}},
         spec: {selectors: [{match: {kuma.io/service: '*'}}], conf: {backend: jaeger}}}
        """)
      try await stores[0].put(.mesh())
      for store in stores {
        try await eventually("the policy and the mesh") {
          try store.get(key) != nil && store.get(ResourceKey(type: .mesh, name: "default")) != nil
        }
        let policy = try #require(try store.get(key))
        #expect(policy.labels == ["team": "a", "kuma.io/display-name": "t"])
        #expect(policy.revision == UInt64(created.resourceVersion))
        #expect(policy.creationTime == created.creationTime && policy.creationTime != nil)
      }
      var moved = try #require(stores[0].object(of: key))
      moved["mesh"] = "other"
      _ = try await cluster.client.replace(ResourceType.trafficTrace.kubernetesKind, moved)
      let other = ResourceKey(type: .trafficTrace, mesh: "other", name: "t")
      for store in stores {
        try await eventually("the policy in the other mesh") { try store.get(other) != nil && store.get(key) == nil }
      }
      try await cluster.client.delete(ResourceType.trafficTrace.kubernetesKind, name: "t")
      for store in stores { try await eventually("no policy") { try store.get(other) == nil } }
    }
  }

  @Test("secrets are Secrets of the system namespace in Kuma's form, and others there are left alone")
  func secrets() async throws {
    let cluster = try await Cluster.empty()
    let namespace = RunningStore.systemNamespace
    func make(_ name: String, _ type: String, labels: String = "{}") throws -> KubernetesObject {
      try cluster.object(
        """
        {apiVersion: v1, kind: Secret, metadata: {name: \(name), namespace: \(namespace), labels: \(labels)}, type: \(type),
         stringData: {value: "from kubectl"}}
        """)
    }
    try await withStores(cluster) { stores in
      try await stores[0].put(.mesh())
      _ = try await cluster.client.create(.secret, try make("certificate", "Opaque"))
      _ = try await cluster.client.create(
        .secret, try make("users", "system.kuma.io/secret", labels: "{kuma.io/mesh: default}"))
      _ = try await cluster.client.create(.secret, try make("global", "system.kuma.io/global-secret"))
      try await stores[0].put(.secret(mesh: "default", name: "own", data: Array("own".utf8)))
      let expected = [
        ResourceKey(type: .globalSecret, name: "global"): "from kubectl",
        ResourceKey(type: .secret, mesh: "default", name: "own"): "own",
        ResourceKey(type: .secret, mesh: "default", name: "users"): "from kubectl",
      ]
      for store in stores {
        try await eventually("the secrets") {
          let secrets = try await store.everything().values.filter(\.type.isSecret)
          return Dictionary(
            uniqueKeysWithValues: secrets.map { ($0.key, String(decoding: $0.secretData ?? [], as: UTF8.self)) })
            == expected
        }
      }
      let object = try await cluster.client.get(.secret, namespace: namespace, name: "own")
      #expect(object["type"] == "system.kuma.io/secret" && object["data"] == ["value": "b3du"])
      #expect(object.metadata["labels"]?["kuma.io/mesh"] == "default")
      #expect(object.metadata["ownerReferences"]?.array?.first?["kind"] == "Mesh")
      let error = try await #require(throws: StoreError.self) {
        try await stores[0].put(.globalSecret(name: "certificate", data: [1]))
      }
      #expect(error.code == .conflict && error.message.contains("of another type"), "\(error)")
      try await stores[0].delete(ResourceKey(type: .mesh, name: "default"))
      try await eventually("only what belongs to no mesh") {
        try await stores[0].everything().keys.sorted() == [ResourceKey(type: .globalSecret, name: "global")]
      }
      try await cluster.client.delete(.secret, namespace: namespace, name: "certificate")
    }
  }

  @Test("a name is given once for all meshes, and the refusal names the mesh that has it")
  func namesOfPolicies() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster) { stores in
      let store = stores[0]
      for mesh in ["a", "b"] { try await store.put(.mesh(mesh)) }
      try await store.put(.trafficTrace("t", mesh: "a"))
      for condition in [WriteCondition.always, .absent] {
        let error = try await #require(throws: StoreError.self) {
          try await store.put(.trafficTrace("t", mesh: "b"), if: condition)
        }
        #expect(error.code == .conflict)
        #expect(error.message.contains("the mesh \"a\" has a TrafficTrace of that name already"))
      }
      await expectUnavailable(["must include namespace after the dot"]) {
        try await store.put(.dataplane("web", mesh: "a"))
      }
      await expectUnavailable(["namespaces \"nowhere\" not found"]) {
        try await store.put(.dataplane("web.nowhere", mesh: "a"))
      }
    }
  }

  @Test("policies are owned by their mesh, and insights by their proxy, also after that was made again")
  func owners() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster) { stores in
      let store = stores[0]
      let proxy = ResourceKey(type: .dataplane, mesh: "default", name: "d.shop")
      let insight = ResourceKey(type: .dataplaneInsight, mesh: "default", name: "d.shop")
      func owners(_ key: ResourceKey) -> [DocumentValue] {
        store.object(of: key)?.metadata["ownerReferences"]?.array ?? []
      }
      func reference(to key: ResourceKey) throws -> DocumentValue {
        let owner = try #require(store.object(of: key))
        return [
          "apiVersion": "kuma.io/v1alpha1", "kind": .string(owner.kind), "name": .string(owner.name),
          "uid": .string(owner.uid),
        ]
      }
      try await store.put(.mesh())
      try await store.put(.trafficTrace("t"))
      try await store.put(.dataplane("d.shop"))
      try await store.put(.insight("d.shop"))
      let mesh = try reference(to: ResourceKey(type: .mesh, name: "default"))
      #expect(owners(ResourceKey(type: .trafficTrace, mesh: "default", name: "t")) == [mesh])
      #expect(owners(proxy).isEmpty)
      let first = try reference(to: proxy)
      #expect(owners(insight) == [first])
      // Deleted by somebody who leaves the insight, and made again.
      try await cluster.client.delete(ResourceType.dataplane.kubernetesKind, namespace: "shop", name: "d")
      try await eventually("no proxy") { try store.get(proxy) == nil }
      try await store.put(.dataplane("d.shop"))
      try await store.put(.insight("d.shop", sent: 2))
      #expect(try owners(insight) == [reference(to: proxy)])
      #expect(owners(insight) != [first])
    }
    var settings = RunningStore.quick
    settings.setsOwnerReferences = false
    let running = try await RunningStore.loaded(cluster.client, settings: settings)
    try await running.store.put(.trafficTrace("free"))
    let key = ResourceKey(type: .trafficTrace, mesh: "default", name: "free")
    #expect(running.store.object(of: key)?.metadata["ownerReferences"] == nil)
    await running.close()
  }

  @Test("a write keeps what it does not know; one that changes nothing is a write, and leaves a mark")
  func updates() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster) { stores in
      let store = stores[0]
      try await store.put(.mesh())
      let kind = ResourceType.dataplane.kubernetesKind
      var object = try cluster.object(
        """
        {apiVersion: kuma.io/v1alpha1, kind: Dataplane, mesh: default,
         metadata: {name: d, namespace: shop, annotations: {note: kept}, finalizers: [example.org/slow]}, spec: {odd: [1]}}
        """)
      let proxy = Resource.dataplane("d.shop")
      object["spec"] = .object((proxy.spec.document.object ?? [:]).merging(["odd": [1]]) { first, _ in first })
      _ = try await cluster.client.create(kind, object)
      try await eventually("the proxy") { try store.get(proxy.key) != nil }
      let before = try #require(try store.get(proxy.key))
      let same = try await store.put(proxy).stored
      #expect(same.revision > before.revision)
      let marked = try #require(store.object(of: proxy.key))
      #expect(marked.annotations[ObjectWrite.rewriteAnnotation] != nil)
      #expect(marked["spec"] == object["spec"])
      let changed = try await store.put(.dataplane("d.shop", address: "10.0.0.9")).stored
      #expect(changed.spec == Resource.dataplane("d.shop", address: "10.0.0.9").spec)
      let after = try #require(store.object(of: proxy.key))
      #expect(after["spec"]?["odd"] == [1])
      #expect(after.annotations["note"] == "kept")
      // Somebody else lets it go later; to the mesh it is gone at once.
      try await store.delete(proxy.key)
      #expect(try store.get(proxy.key) == nil)
      await expectUnavailable(["is being deleted in the cluster"]) { try await store.put(proxy) }
      _ = try await cluster.client.patch(
        kind, namespace: "shop", name: "d", .merge(["metadata": ["finalizers": .null]]), fieldManager: "test")
      try await eventually("a new proxy") {
        do {
          return try await store.put(proxy, if: .absent).created
        } catch let error as StoreError {
          #expect(error.code == .unavailable)
          return false
        }
      }
    }
  }

  @Test("an object that is no resource counts as absent, is named, and stays as it is until it is mended")
  func unreadableObjects() async throws {
    let cluster = try await Cluster.empty()
    let seen = Mutex<[UnreadableObject]>([])
    try await cluster.create(.mesh, "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: default}, spec: 5}")
    try await withStores(
      cluster,
      observer: { event in
        if case .unreadable(let object) = event { seen.withLock { $0.append(object) } }
      }
    ) { stores in
      let store = stores[0]
      let key = ResourceKey(type: .mesh, name: "default")
      #expect(try store.get(key) == nil)
      #expect(store.unreadable.map(\.message) == ["spec has to be an object, not number"])
      #expect(seen.withLock { $0.map(\.object.name) } == ["default"])
      #expect(await store.obstacle() == nil)
      // Making the first mesh must not replace what a user wrote.
      let error = try await #require(throws: StoreError.self) { try await store.put(.mesh(), if: .absent) }
      #expect(error.code == .conflict)
      let kind = ResourceType.mesh.kubernetesKind
      _ = try await cluster.client.patch(kind, name: "default", .merge(["spec": [:]]), fieldManager: "test")
      try await eventually("the mesh") { try store.get(key) != nil }
      #expect(store.unreadable.isEmpty)
      _ = try await cluster.client.patch(kind, name: "default", .merge(["spec": ["tracing": 5]]), fieldManager: "test")
      try await eventually("no mesh") { try store.get(key) == nil }
      #expect(store.unreadable.count == 1)
      try await cluster.client.delete(kind, name: "default")
      try await eventually("nothing") { store.unreadable.isEmpty }
    }
  }

  @Test("conditions hold across control planes that have not heard of each other's writes yet")
  func conditionsOfSeveral() async throws {
    let cluster = try await Cluster.empty()
    try await withStores(cluster, count: 3) { stores in
      try await stores[0].put(.mesh())
      for store in stores {
        do throws(StoreError) {
          _ = try await store.put(.mesh(), if: .absent)
          Issue.record("the mesh was created twice")
        } catch { #expect(error.code == .conflict) }
        // What was refused is known from then on.
        #expect(try store.get(ResourceKey(type: .mesh, name: "default")) != nil)
      }
      let wins = try await withThrowingTaskGroup(of: [UInt64].self) { group in
        for store in stores {
          group.addTask {
            var wins: [UInt64] = []
            while wins.count < 10, let present = try store.get(ResourceKey(type: .mesh, name: "default")) {
              do {
                wins.append(try await store.put(present, if: .revision(present.revision)).stored.revision)
              } catch let error as StoreError where error.code == .conflict { continue }
            }
            return wins
          }
        }
        return try await group.reduce([], +)
      }
      #expect(Set(wins).count == 30)
    }
  }

  @Test("control planes know who else is connected") func presence() async throws {
    let cluster = try await Cluster.empty()
    let asked: Set = ["cp-0", "cp-1", "never"]
    let first = try await RunningStore.loaded(cluster.client, instance: "cp-0")
    let second = try await RunningStore.loaded(cluster.client, instance: "cp-1")
    try await eventually("both") { (try? first.store.connected(of: asked)) == ["cp-0", "cp-1"] }
    await second.close()
    try await eventually("one") { (try? first.store.connected(of: asked)) == ["cp-0"] }
    await first.close()
    #expect(await first.store.obstacle() == "the store of custom resources is closed")
    await expectUnavailable(["closed"]) { try await first.store.put(.mesh()) }
  }
}
