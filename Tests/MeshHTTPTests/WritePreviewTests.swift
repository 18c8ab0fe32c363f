import HTTPTypes
import MeshHTTP
import MeshHTTPTestSupport
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import Testing

/// Warnings about writes that somebody else makes, and a rule that looks at what was there.
@Suite struct WritePreviewTests {
  private static func preview(_ api: TestAPI) -> WritePreview {
    WritePreview(
      store: api.store, inspection: IndexInspection(store: api.store), isOwnCollector: { _ in false },
      now: { .now })
  }

  private static func resource(_ json: String) throws -> ResourceDocument {
    try ResourceDocument(try DocumentValue(json: Array(json.utf8)))
  }

  @Test(
    "are those of a dry run, and nothing is written",
    arguments: [
      #"{"type":"TrafficTrace","mesh":"shop","name":"t","selectors":[{"match":{"a":"b"}}],"conf":{"backend":"jager"}}"#,
      #"{"type":"TrafficTrace","mesh":"shop","name":"t","selectors":[{"match":{"a":"b"}}],"cnof":{}}"#,
      #"{"type":"Mesh","name":"shop","mtls":{"enabledBackend":"ca"},"tracing":{"backends":[]}}"#,
      #"{"type":"Dataplane","mesh":"shop","name":"d","networking":{"address":"1.2.3.4","gateway":{"type":"BUILTIN","tags":{"kuma.io/service":"g"}}}}"#,
    ])
  func sameAsDryRun(_ json: String) async throws {
    let api = try await TestAPI.withMesh()
    #expect(await api.putTrace("other").status == 201)
    let document = try Self.resource(json)
    let warnings = await Self.preview(api).warnings(writing: document.resource, notices: document.notices)
    let dryRun = await api.send(.post, "/_dry-run", #"{"resources":[\#(json)]}"#)
    let expected = dryRun.document["resources"]?.array?.first?["warnings"]?.array?.compactMap(\.string)
    #expect(!warnings.isEmpty)
    #expect(warnings == expected)
    #expect(api.store.get(document.resource.key)?.spec != document.resource.spec)
  }

  @Test("know the mesh that they are given, where the store has an older one or none")
  func mesh() async throws {
    let api = try await TestAPI.withMesh()
    let policy = try Self.resource(
      #"{"type":"TrafficTrace","mesh":"new","name":"t","selectors":[{"match":{"a":"b"}}],"conf":{"backend":"b"}}"#)
    let preview = Self.preview(api)
    #expect(
      await preview.warnings(writing: policy.resource, notices: []) == [
        #"TrafficTrace "t" belongs to mesh "new", which does not exist. It has no effect until the mesh is created."#
      ])
    let mesh = Resource(
      name: "new",
      spec: .mesh(
        Mesh(
          tracing: Mesh.Tracing(backends: [TracingBackend(name: "b", zipkin: ZipkinConf(url: "http://z:9411/a"))]))))
    #expect(await preview.warnings(writing: policy.resource, notices: [], in: mesh) == [])
    #expect(await preview.knows(mesh: "shop"))
    #expect(await !preview.knows(mesh: "new"))
  }

  @Test("the authority of a mesh is not exchanged while it is in use")
  func authority() async throws {
    let api = TestAPI()
    func put(_ name: String) async -> TestAPI.Answer {
      await api.send(.put, "/meshes/m", #"{"type":"Mesh","name":"m","mtls":{"enabledBackend":"\#(name)"}}"#)
    }
    #expect(await put("a").status == 201)
    #expect(await put("a").status == 200)
    let refused = await put("b")
    #expect(refused.status == 400)
    #expect(refused.title == "Could not update a resource")
    #expect(
      refused.causes == [
        "mtls.enabledBackend: Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA"
      ])
    #expect(await put("").status == 200)
    #expect(await put("b").status == 200)
  }
}
