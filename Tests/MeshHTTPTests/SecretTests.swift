import HTTPTypes
import MeshHTTP
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Synchronization
import Testing

/// Secrets and what is secret in meshes, over HTTP.
@Suite("Secrets over HTTP")
struct SecretTests {
  /// "top secret" in base64.
  private static let data = "dG9wIHNlY3JldA=="

  private static func api() async throws -> TestAPI {
    let api = TestAPI()
    try await api.store.put(.mesh("shop"))
    return api
  }

  @Test(
    "A secret is written, listed by name, replaced and deleted, and its data is never answered",
    arguments: [
      ("Secret", "/meshes/shop/secrets", ResourceKey(type: .secret, mesh: "shop", name: "key")),
      ("GlobalSecret", "/global-secrets", ResourceKey(type: .globalSecret, name: "key")),
    ])
  func life(type: String, collection: String, key: ResourceKey) async throws {
    let api = try await Self.api()
    func body(_ data: String) -> String {
      let mesh = key.mesh.isEmpty ? "" : #""mesh": "shop", "#
      return #"{"type": "\#(type)", \#(mesh)"name": "key", "data": "\#(data)"}"#
    }
    #expect(await api.send(.put, "\(collection)/key", body(Self.data)).status == 201)
    #expect(api.store.get(key)?.secretData == Array("top secret".utf8))
    #expect(await api.send(.put, "\(collection)/key", body("b3RoZXI=")).status == 200)
    #expect(api.store.get(key)?.secretData == Array("other".utf8))

    var paths = ["\(collection)/key", collection]
    if !key.mesh.isEmpty { paths.append("/secrets") }
    for path in paths {
      for form in ["", "?format=universal", "?format=kubernetes"] {
        let answer = await api.get(path + form)
        #expect(answer.status == 200)
        #expect(answer.body.contains(#""key""#))
        #expect(!answer.body.contains(#""data""#) && !answer.body.contains("b3RoZXI"), "\(answer.body)")
      }
    }
    #expect(await api.get(collection).names == ["key"])
    #expect(await api.get("\(collection)/key").document["type"]?.string == type)
    #expect(await api.get("\(collection)/key?format=k8s").document["type"]?.string == key.type.kubernetesSecretType)

    #expect(await api.send(.delete, "\(collection)/key").status == 200)
    #expect(await api.get("\(collection)/key").status == 404)
    #expect(await api.send(.delete, "\(collection)/key").status == 404)
  }

  @Test(
    "A secret without data, or with data that is not base64, is refused, and the answer repeats nothing of it",
    arguments: [
      (#"{"type": "Secret", "mesh": "shop", "name": "key"}"#, "cannot be empty; the data of a secret is never shown"),
      (#"{"type": "Secret", "mesh": "shop", "name": "key", "data": ""}"#, "cannot be empty"),
      (#"{"type": "Secret", "mesh": "shop", "name": "key", "data": "***"}"#, "base64"),
      (#"{"type": "Secret", "mesh": "shop", "name": "key", "data": "plain secret!"}"#, "base64"),
      (#"{"type": "Secret", "mesh": "shop", "name": "key", "data": 90125}"#, "data has to be text"),
      (#"{"type": "Secret", "mesh": "shop", "name": "other", "data": "\#(data)"}"#, "name"),
    ])
  func refused(body: String, words: String) async throws {
    let api = try await Self.api()
    let stored = Resource.secret(mesh: "shop", name: "key", data: [1])
    try await api.store.put(stored)
    let answer = await api.send(.put, "/meshes/shop/secrets/key", body)
    #expect(answer.status == 400)
    #expect(answer.body.contains(words), "\(answer.body)")
    for secret in ["plain secret!", "90125", Self.data] { #expect(!answer.body.contains(secret), "\(answer.body)") }
    #expect(api.store.get(stored.key)?.secretData == [1])
  }

  @Test("A secret needs its mesh, and goes with it") func meshes() async throws {
    let api = try await Self.api()
    let body = #"{"type": "Secret", "mesh": "none", "name": "key", "data": "\#(Self.data)"}"#
    #expect(await api.send(.put, "/meshes/none/secrets/key", body).status == 404)
    #expect(await api.get("/meshes/none/secrets").status == 404)
    try await api.store.put(.secret(mesh: "shop", name: "key", data: [1]))
    #expect(await api.send(.delete, "/meshes/shop").status == 200)
    #expect(await api.get("/secrets").names == [])
  }

  @Test("A dry run of secrets tells neither which exist nor what they are") func dryRun() async throws {
    let api = try await Self.api()
    try await api.store.put(.secret(mesh: "shop", name: "key", data: Array("top secret".utf8)))
    let answer = await api.send(
      .post, "/_dry-run",
      """
      {"resources": [{"type": "Secret", "mesh": "shop", "name": "key", "data": "\(Self.data)"},
       {"type": "Secret", "mesh": "shop", "name": "key", "data": "b3RoZXI="},
       {"type": "GlobalSecret", "name": "new", "data": "\(Self.data)"}]}
      """)
    #expect(answer.document["resources"]?.array?.map { $0["action"]?.string } == ["write", "write", "write"])
    #expect(!answer.body.contains(Self.data))
    #expect(api.store.list(.globalSecret, mesh: nil).isEmpty)
    #expect(api.store.list(.secret, mesh: nil).first?.secretData == Array("top secret".utf8))
  }

  // MARK: What is secret in a mesh

  private static let mesh = """
    {"type": "Mesh", "name": "shop", "tracing": {"defaultBackend": "hosted", "backends": [
      {"name": "hosted", "type": "zipkin", "conf": {"url": "https://me:top-secret@collector.example:443/spans",
       "headers": [{"name": "x-api-key", "value": "top-secret"}]}}]}}
    """

  @Test("A mesh is read with masks in every form, and written back with them loses nothing") func roundTrip()
    async throws
  {
    let api = TestAPI(object: { key in
      key.type == .mesh ? ["kind": "Mesh", "spec": ["conf": ["url": "https://me:top-secret@h:1/"]]] : nil
    })
    #expect(await api.send(.put, "/meshes/shop", Self.mesh).status == 201)
    let key = ResourceKey(type: .mesh, name: "shop")
    let stored = try #require(api.store.get(key))
    for path in ["/meshes/shop", "/meshes", "/meshes/shop?format=k8s", "/meshes/shop/_warnings", "/mesh-insights"] {
      let answer = await api.get(path)
      #expect(answer.status == 200 && !answer.body.contains("top-secret"), "\(path) \(answer.body)")
    }
    // Another sampling is all that changes.
    let shown = await api.get("/meshes/shop").body
    #expect(shown.contains("https://***@collector.example:443/spans"))
    let edited = shown.replacing(#""type": "zipkin""#, with: #""type": "zipkin", "sampling": 7"#)
    let dryRun = await api.send(.post, "/_dry-run", #"{"resources": [\#(shown), \#(edited)]}"#)
    #expect(dryRun.document["resources"]?.array?.map { $0["action"]?.string } == ["unchanged", "update"])
    #expect(await api.send(.put, "/meshes/shop", edited).status == 200)
    let after = try #require(api.store.get(key)?.content(Mesh.self)?.tracing?.backends.first)
    let before = try #require(stored.content(Mesh.self)?.tracing?.backends.first)
    #expect(after.sampling == 7)
    #expect(after.conf == before.conf)
  }

  @Test("No path of the API answers with anything secret") func everyPath() async throws {
    let api = try await InspectionTests.withPolicies()
    #expect(await api.send(.put, "/meshes/shop", Self.mesh).status == 200)
    try await api.store.put(.secret(mesh: "shop", name: "a", data: Array("top-secret".utf8)))
    try await api.store.put(.globalSecret(name: "a", data: Array("top-secret".utf8)))
    let description = try #require(try DocumentValue.yamlDocuments(await api.get("/openapi.yaml").body).first)
    var answered = 0
    for (pattern, methods) in try #require(description["paths"]?.object) where methods["get"] != nil {
      for (name, form) in ["a", "web", "api"].flatMap({ name in ["", "?format=k8s"].map { (name, $0) } }) {
        let path = pattern.replacing("{mesh}", with: "shop").replacing("{name}", with: name) + form
        let answer = await api.get(path)
        if answer.status == 200 { answered += 1 }
        for secret in ["top-secret", "dG9wLXNlY3JldA"] { #expect(!answer.body.contains(secret), "\(path)") }
      }
    }
    #expect(answered > 100)
  }

  @Test("A mask that stands for nothing, or would send a secret elsewhere, is refused with its field") func masks()
    async throws
  {
    let api = TestAPI()
    let masked = Self.mesh.replacing("top-secret", with: "***").replacing("me:***@", with: "***@")
    let first = await api.send(.put, "/meshes/shop", masked)
    #expect(first.status == 400)
    #expect(
      first.causes.map { $0.split(separator: ":")[0] } == [
        "tracing.backends[0].conf.headers[0].value", "tracing.backends[0].conf.url",
      ])
    #expect(await api.send(.put, "/meshes/shop", Self.mesh).status == 201)
    let stored = api.store.get(ResourceKey(type: .mesh, name: "shop"))
    let elsewhere = await api.send(
      .put, "/meshes/shop", masked.replacing("***@collector.example", with: "attacker.example"))
    #expect(elsewhere.status == 400)
    #expect(elsewhere.causes.first?.contains("another address") == true, "\(elsewhere.body)")
    #expect(api.store.get(ResourceKey(type: .mesh, name: "shop")) == stored)
    #expect(await api.send(.put, "/meshes/shop", masked).status == 200)
  }

  @Test("A secret that is replaced while a mask is written does not come back") func race() async throws {
    let api = TestAPI(through: { OvertakenStore(store: $0) })
    let json = try DocumentValue(json: Self.mesh.utf8)
    try await api.store.put(try ResourceDocument(json).resource)
    let shown = await api.get("/meshes/shop").body
    #expect(await api.send(.put, "/meshes/shop", shown).status == 200)
    let mesh = api.store.get(ResourceKey(type: .mesh, name: "shop"))?.content(Mesh.self)
    #expect(mesh?.tracing?.backends.first?.conf?["headers"]?.array?.first?["value"] == "newer")
  }
}

/// A store in which somebody replaces the value of a header just before the first write.
private final class OvertakenStore: ResourceStore {
  let store: MemoryStore
  private let isOvertaken = Mutex(false)

  init(store: MemoryStore) { self.store = store }

  func get(_ key: ResourceKey) async throws(StoreError) -> Resource? { store.get(key) }
  func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource] { store.list(type, mesh: mesh) }
  func put(_ resource: Resource, if condition: WriteCondition) async throws(StoreError) -> (
    stored: Resource, created: Bool
  ) {
    let isFirst = isOvertaken.withLock { flag in
      defer { flag = true }
      return !flag
    }
    if isFirst, var present = store.get(resource.key), var mesh = present.content(Mesh.self) {
      mesh.tracing?.backends[0].conf?["headers"] = [["name": "x-api-key", "value": "newer"]]
      present.spec = .mesh(mesh)
      _ = try store.put(present, if: .always)
    }
    return try store.put(resource, if: condition)
  }
  func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    try store.delete(key, if: condition)
  }
  func changes() -> ResourceChanges { store.changes() }
  var sequence: UInt64 { store.sequence }
}
