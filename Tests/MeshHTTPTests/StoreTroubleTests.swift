import HTTPTypes
import MeshHTTP
import MeshModel
import MeshStore
import MeshTestSupport
import Synchronization
import Testing

/// A store in which somebody else is faster, or that cannot be reached.
private final class TroubledStore: ResourceStore {
  typealias Meddling = @Sendable (ResourceKey, MemoryStore) -> Void

  private let base: MemoryStore
  private let isReachable = Mutex(true)
  private let beforePut: Meddling

  init(_ base: MemoryStore, beforePut: @escaping Meddling = { _, _ in }) {
    self.base = base
    self.beforePut = beforePut
  }

  func disconnect() { isReachable.withLock { $0 = false } }

  private func check() throws(StoreError) {
    guard isReachable.withLock({ $0 }) else { throw StoreError(code: .unavailable, message: "The disk is full.") }
  }

  func get(_ key: ResourceKey) throws(StoreError) -> Resource? {
    try check()
    return base.get(key)
  }

  func list(_ type: ResourceType, mesh: String?) throws(StoreError) -> [Resource] {
    try check()
    return base.list(type, mesh: mesh)
  }

  func put(
    _ resource: Resource, if condition: WriteCondition
  ) throws(StoreError) -> (stored: Resource, created: Bool) {
    try check()
    beforePut(resource.key, base)
    return try base.put(resource, if: condition)
  }

  func delete(_ key: ResourceKey, if condition: WriteCondition) throws(StoreError) {
    try check()
    try base.delete(key, if: condition)
  }

  func changes() -> ResourceChanges { base.changes() }
  var sequence: UInt64 { base.sequence }
}

/// What is answered when others write at the same moment, and when the store fails.
@Suite struct StoreTroubleTests {
  static let item = "/meshes/shop/traffic-traces/t"

  @Test("the last of several updates stays, and none is refused") func updates() async throws {
    let api = TestAPI { base in
      TroubledStore(base) { key, base in
        if key.type == .trafficTrace {
          _ = try? base.put(.trafficTrace("t", mesh: "shop", backend: "theirs"), if: .always)
        }
      }
    }
    try await api.store.put(.mesh("shop"))
    try await api.store.put(.trafficTrace("t", mesh: "shop"))
    #expect(await api.send(.put, Self.item, TestAPI.trace("t", backend: "ours")).status == 200)
    #expect(await api.get(Self.item).document["conf"] == ["backend": "ours"])
  }

  @Test("a creation that comes second is an update") func creation() async throws {
    let api = TestAPI { base in
      TroubledStore(base) { key, base in
        if key.type == .trafficTrace {
          _ = try? base.put(.trafficTrace("t", mesh: "shop", backend: "theirs"), if: .always)
        }
      }
    }
    try await api.store.put(.mesh("shop"))
    #expect(await api.send(.put, Self.item, TestAPI.trace("t", backend: "ours")).status == 200)
    #expect(await api.get(Self.item).document["conf"] == ["backend": "ours"])
  }

  @Test("a mesh that goes away during a write") func meshGone() async throws {
    let api = TestAPI { base in
      TroubledStore(base) { _, base in try? base.delete(ResourceKey(type: .mesh, name: "shop")) }
    }
    try await api.store.put(.mesh("shop"))
    let answer = await api.send(.put, Self.item, TestAPI.trace("t"))
    #expect(answer.status == 400)
    #expect(
      answer.document.sortedByKey()
        == .error(
          400, "Could not create a resource", "Mesh is not found", causes: [("mesh", "mesh of name shop is not found")])
    )
  }

  @Test(
    "a store that cannot be reached",
    arguments: [
      (HTTPRequest.Method.get, "/meshes"), (.get, "/meshes/shop"), (.put, "/meshes/shop"), (.delete, "/meshes/shop"),
      (.get, "/meshes/shop/traffic-traces"), (.put, item), (.delete, item), (.get, "\(item)/dataplanes"),
      (.get, "\(item)/_resources/dataplanes"), (.get, "\(item)/_warnings"), (.get, "/meshes/shop/_warnings"),
      (.get, "/meshes/shop/dataplanes/_overview"), (.get, "/meshes/shop/dataplanes/d/policies"),
      (.get, "/meshes/shop/dataplanes/d/_tracing"), (.get, "/mesh-insights"), (.get, "/global-insight"),
    ])
  func unreachable(method: HTTPRequest.Method, path: String) async throws {
    let store = Mutex<TroubledStore?>(nil)
    let api = TestAPI { base in
      let troubled = TroubledStore(base)
      store.withLock { $0 = troubled }
      return troubled
    }
    try await api.store.put(.mesh("shop"))
    store.withLock { $0?.disconnect() }
    let body = path == "/meshes/shop" ? #"{"type":"Mesh","name":"shop"}"# : TestAPI.trace("t")
    let answer = await api.send(method, path, method == .put ? body : nil)
    #expect(answer.status == 503)
    #expect(answer.detail == "The disk is full.")
    #expect(answer.title?.isEmpty == false)
    #expect(await api.get("/").status == 200)
  }

  @Test("a store that has as much as it may answers 507 with a sentence, and what is there can be changed and deleted")
  func full() async throws {
    let api = TestAPI(through: { BoundedStore($0, limits: .init(resources: 1, bytes: 1 << 20)) })
    #expect(await api.send(.put, "/meshes/one", #"{"type":"Mesh","name":"one"}"#).status == 201)
    let full = await api.send(.put, "/meshes/two", #"{"type":"Mesh","name":"two"}"#)
    #expect(full.status == 507)
    #expect(
      full.detail == "the store has 1 resource, and may have 1; delete some, or raise general.limits.resources")
    #expect(await api.send(.put, "/meshes/one", #"{"type":"Mesh","name":"one"}"#).status == 200)
    #expect(await api.send(.delete, "/meshes/one").status == 200)
    #expect(await api.send(.put, "/meshes/two", #"{"type":"Mesh","name":"two"}"#).status == 201)
  }
}
