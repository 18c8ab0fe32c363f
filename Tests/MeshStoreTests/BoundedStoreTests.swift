import MeshModel
import MeshTestSupport
import Testing

@testable import MeshStore

@Suite("A store within bounds", .timeLimit(.minutes(15))) struct BoundedStoreTests {
  private func mesh(_ name: String, labels: [String: String] = [:]) -> Resource {
    Resource(name: name, spec: .mesh(Mesh()), labels: labels)
  }

  private func key(_ name: String) -> ResourceKey { ResourceKey(type: .mesh, name: name) }

  /// The kind and the words of a failure; nil for none.
  private func failure(_ body: () async throws -> Void) async -> StoreError? {
    do {
      try await body()
      return nil
    } catch {
      return error as? StoreError
    }
  }

  @Test("holds to the contract of every store", arguments: StoreContract.all)
  func contract(_ contract: StoreContract) async throws {
    try await contract.run { clock in
      BoundedStore(MemoryStore(clock: clock), limits: .init(resources: 100_000, bytes: 1 << 30))
    }
  }

  @Test("takes no more resources than it may, and what is there can be changed and deleted") func count() async throws {
    let store = BoundedStore(MemoryStore(), limits: .init(resources: 2, bytes: 1 << 20))
    try await store.put(mesh("one"))
    try await store.put(mesh("two"))
    let full = await failure { try await store.put(mesh("three")) }
    #expect(full?.code == .full)
    #expect(
      full?.message == "the store has 2 resources, and may have 2; delete some, or raise general.limits.resources")
    #expect(store.usage.refusals == 1)
    try await store.put(mesh("two", labels: ["a": "b"]))
    try await store.delete(key("one"))
    try await store.put(mesh("three"))
    #expect(store.usage.resources == 2)
    #expect(try await store.list(.mesh, mesh: nil).map(\.name) == ["three", "two"])
  }

  @Test("takes no more bytes than it may: nothing grows beyond, and everything may shrink") func bytes() async throws {
    let store = BoundedStore(MemoryStore(), limits: .init(resources: 100, bytes: 2_000))
    try await store.put(mesh("one", labels: ["text": String(repeating: "x", count: 1_500)]))
    let full = await failure {
      try await store.put(mesh("two", labels: ["text": String(repeating: "x", count: 1_500)]))
    }
    #expect(full?.code == .full && full?.message.contains("raise general.limits.resourceSize") == true)
    #expect(
      await failure { try await store.put(mesh("one", labels: ["text": String(repeating: "x", count: 3_000)])) }?.code
        == .full)
    #expect(try await store.get(key("one"))?.labels["text"]?.utf8.count == 1_500)
    try await store.put(mesh("one", labels: ["text": "x"]))
    try await store.put(mesh("two", labels: ["text": String(repeating: "x", count: 1_500)]))
    #expect(store.usage.bytes <= 2_000 && store.usage.bytes > 1_500)
  }

  @Test("a write that the store refuses takes no room") func refused() async throws {
    let store = BoundedStore(MemoryStore(), limits: .init(resources: 2, bytes: 1 << 20))
    try await store.put(mesh("one"))
    let before = store.usage
    let policy = Resource(mesh: "absent", name: "all", spec: TrafficTrace(selectors: []).spec)
    #expect(await failure { try await store.put(policy) }?.code == .meshNotFound)
    let longer = mesh("one", labels: ["text": "longer"])
    #expect(await failure { _ = try await store.put(longer, if: .revision(7)) }?.code == .conflict)
    #expect(store.usage == before)
  }

  @Test("writes at the same time do not pass the bound together") func together() async throws {
    let store = BoundedStore(MemoryStore(), limits: .init(resources: 20, bytes: 1 << 20))
    let created = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask { await failure { try await store.put(mesh("mesh-\(number)")) } == nil }
      }
      return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(created == 20 && store.usage.resources == 20 && store.usage.refusals == 180)
    #expect(try await store.list(.mesh, mesh: nil).count == 20)
  }

  @Test("counts what others have written and deleted, and what goes with a mesh") func others() async throws {
    let inner = MemoryStore()
    _ = try inner.put(mesh("one"), if: .always)
    _ = try inner.put(Resource(mesh: "one", name: "all", spec: TrafficTrace(selectors: []).spec), if: .always)
    let store = BoundedStore(inner, limits: .init(resources: 3, bytes: 1 << 20))
    let following = Task { await store.follow() }
    defer { following.cancel() }
    try await eventually { store.usage.resources == 2 }
    _ = try inner.put(mesh("two"), if: .always)
    try await eventually { store.usage.resources == 3 }
    #expect(await failure { try await store.put(mesh("three")) }?.code == .full)
    try await store.delete(key("one"))
    try await eventually { store.usage.resources == 1 }
    try await store.put(mesh("three"))
    #expect(store.usage.bytes > 0)
  }

  @Test("DataplaneInsights, which the control plane writes itself, do not count") func insights() async throws {
    let store = BoundedStore(MemoryStore(), limits: .init(resources: 2, bytes: 1 << 20))
    try await store.put(mesh("one"))
    try await store.put(Resource(mesh: "one", name: "web", spec: Dataplane(networking: nil).spec))
    try await store.put(Resource(mesh: "one", name: "web", spec: DataplaneInsight(subscriptions: []).spec))
    #expect(store.usage.resources == 2)
  }
}
