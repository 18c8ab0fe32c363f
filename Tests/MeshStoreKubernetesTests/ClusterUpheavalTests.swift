import KubernetesAPI
import KubernetesTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshStoreKubernetes

extension KubernetesStoreTests {
  @Test("an API server that is compacted, killed and started again changes nothing, and what was missed is read")
  func restart() async throws {
    let cluster = try await Cluster.empty()
    let relay = try await CuttableRelay.start(before: cluster.server.port)
    let running = try await RunningStore.loaded(try Cluster.client(try cluster.server.kubeconfig(port: relay.port)))
    let store = running.store
    let wholeStates = Mutex(0)
    let following = Task {
      for await changes in store.changes() where changes.isWholeState { wholeStates.withLock { $0 += 1 } }
    }
    try await store.put(.mesh())
    for name in ["stays", "changes", "goes"] { try await store.put(.trafficTrace(name)) }
    let stays = try #require(try store.get(ResourceKey(type: .trafficTrace, mesh: "default", name: "stays")))
    // The store is away while others write, and the versions in between are forgotten.
    relay.behave(.refuses)
    relay.cut()
    try await withStores(cluster) { stores in
      try await stores[0].put(.trafficTrace("changes", backend: "other"))
      try await stores[0].delete(ResourceKey(type: .trafficTrace, mesh: "default", name: "goes"))
      try await stores[0].put(.trafficTrace("comes"))
      try await cluster.server.compact()
      try await cluster.server.restart()
      relay.behave(.passes)
      for store in [store, stores[0]] { try await eventually("no obstacle") { await store.obstacle() == nil } }
      try await eventually("what was missed") { try await store.everything() == stores[0].everything() }
    }
    let names = try store.list(.trafficTrace, mesh: "default").map(\.name)
    #expect(names == ["changes", "comes", "stays"])
    #expect(try store.get(stays.key) == stays)
    try await store.put(.trafficTrace("late"))
    await running.close()
    await following.value
    #expect(wholeStates.withLock { $0 } == 1)
    await relay.stop()
  }

  @Test("a store that starts before its custom resources waits, and follows them when they are deleted and made again")
  func definitions() async throws {
    let cluster = try await Cluster.empty()
    let definitions = KubernetesKind.customResourceDefinition
    let names = ResourceType.customResources.map(\.kubernetesKind.qualifiedName)
    func deleteDefinitions(_ names: [String]) async throws {
      for name in names { try await cluster.client.delete(definitions, name: name) }
    }
    let running = try await RunningStore.loaded(cluster.client)
    let store = running.store
    try await store.put(.mesh())
    try await store.put(.trafficTrace("t"))
    // A change of a definition ends the watches of its kind.
    _ = try await cluster.client.patch(
      definitions, name: "traffictraces.kuma.io", .merge(["metadata": ["annotations": ["note": "changed"]]]),
      fieldManager: "test")
    try await store.put(.trafficTrace("u"))

    // Deleting one deletes its objects, and the others stay.
    try await deleteDefinitions(["traffictraces.kuma.io"])
    let sentence = try await eventually("an obstacle") { await store.obstacle() }
    #expect(sentence.contains("does not serve traffictraces.kuma.io; install the custom resources"), "\(sentence)")
    #expect(try store.get(ResourceKey(type: .mesh, name: "default")) != nil)
    await expectUnavailable(["TrafficTrace default/t was not written"]) { try await store.put(.trafficTrace("t")) }
    try await deleteDefinitions(names.filter { $0 != "traffictraces.kuma.io" })
    let early = RunningStore(cluster.client, instance: "early")
    let all = ResourceType.customResources.sorted().map(\.kubernetesKind.qualifiedName).joined(separator: ", ")
    try await eventually("the missing kinds") {
      await early.store.obstacle()?.contains("the API server does not serve \(all); install") == true
    }

    try await cluster.makeDefinitions()
    #expect(await early.store.loaded())
    for store in [store, early.store] { try await eventually("no obstacle") { await store.obstacle() == nil } }
    let mesh = try await store.put(.mesh()).stored
    try await eventually("the mesh") { try early.store.get(mesh.key) == mesh }
    try await early.store.put(.dataplane("d.shop"))
    for store in [store, early.store] {
      try await eventually("both") {
        try await Set(store.everything().keys) == [
          ResourceKey(type: .mesh, name: "default"), ResourceKey(type: .dataplane, mesh: "default", name: "d.shop"),
        ]
      }
    }
    await early.close()
    await running.close()
  }
}
