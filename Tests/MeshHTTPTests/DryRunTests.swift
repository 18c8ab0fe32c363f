import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// What writes would do.
@Suite struct DryRunTests {
  private static let mesh = #"{"type":"Mesh","name":"new"}"#

  private static func run(_ api: TestAPI, _ documents: String...) async -> TestAPI.Answer {
    await api.send(.post, "/_dry-run", #"{"resources":[\#(documents.joined(separator: ","))]}"#)
  }

  private static func actions(_ answer: TestAPI.Answer) -> [String] {
    answer.document["resources"]?.array?.map { "\($0["action"]?.string ?? "") \($0["name"]?.string ?? "")" } ?? []
  }

  private static func changes(_ answer: TestAPI.Answer) -> [String] {
    answer.document["changes"]?.array?.map {
      "\($0["name"]?.string ?? "") \($0["from"]?.string ?? "-") \($0["to"]?.string ?? "-")"
    } ?? []
  }

  @Test("a policy that would trace, and what is there is left alone") func policy() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web", tags: #","kuma.io/protocol":"http""#)
    await api.putProxy("b", service: "api", tags: #","kuma.io/protocol":"http""#)
    let before = api.store.sequence
    let answer = await Self.run(api, TestAPI.trace("t", #"{"kuma.io/service":"web"}"#))
    #expect(answer.status == 200)
    #expect(
      answer.document == [
        "dryRun": true,
        "resources": [["type": "TrafficTrace", "mesh": "shop", "name": "t", "action": "create", "warnings": []]],
        "changes": [
          [
            "mesh": "shop", "name": "a", "from": .null, "to": "jaeger-collector", "fromPolicy": .null, "toPolicy": "t",
          ]
        ],
      ])
    #expect(api.store.sequence == before)
    #expect(await api.get("/meshes/shop/traffic-traces/t").status == 404)
  }

  @Test("what is written as it is would stay unchanged") func unchanged() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web")
    await api.putTrace("t")
    let same = await Self.run(api, TestAPI.trace("t"))
    #expect(Self.actions(same) == ["unchanged t"])
    #expect(Self.changes(same).isEmpty)
    let other = await Self.run(api, TestAPI.trace("t", #"{"kuma.io/service":"none"}"#))
    #expect(Self.actions(other) == ["update t"])
    #expect(Self.changes(other) == ["a jaeger-collector -"])
  }

  @Test("documents build on those before them") func batch() async throws {
    let api = TestAPI()
    let mesh = #"""
      {"type":"Mesh","name":"new","tracing":{"defaultBackend":"z","backends":[
        {"name":"z","type":"zipkin","conf":{"url":"http://z:9411/s"}}]}}
      """#
    let proxy = #"""
      {"type":"Dataplane","mesh":"new","name":"d","networking":{"address":"10.0.0.1","inbound":[
        {"port":80,"tags":{"kuma.io/service":"web"}}]}}
      """#
    let answer = await Self.run(api, mesh, proxy, TestAPI.trace("t", mesh: "new"), TestAPI.trace("t", mesh: "new"))
    #expect(Self.actions(answer) == ["create new", "create d", "create t", "unchanged t"])
    #expect(Self.changes(answer) == ["d - z"])
    let warnings = answer.document["resources"]?.array?.map { $0["warnings"]?.array?.count }
    #expect(warnings == [0, 0, 1, 1], "the proxy has no HTTP listener, which matters once there is a policy")
    #expect(api.store.list(.mesh, mesh: nil).isEmpty)
  }

  @Test("a policy in front of its mesh has no mesh yet") func order() async throws {
    let answer = await Self.run(TestAPI(), TestAPI.trace("t", mesh: "new"), Self.mesh)
    #expect(answer.status == 404)
    #expect(answer.title == "Failed to retrieve Mesh")
    #expect(answer.causes == ["resources[0]: this is about \"t\"; nothing was written"])
  }

  @Test("the later one of two new policies wins, as it would") func precedence() async throws {
    let api = try await TestAPI.withMesh()
    try await api.store.put(.mesh("shop", backends: ["one", "two"]))
    await api.putProxy("a", service: "web")
    let answer = await Self.run(api, TestAPI.trace("a", backend: "one"), TestAPI.trace("b", backend: "two"))
    #expect(Self.changes(answer) == ["a - two"])
  }

  @Test("a mesh whose backend has other settings, or is gone") func backends() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web")
    await api.putTrace("t")
    func mesh(_ url: String) -> String {
      #"""
      {"type":"Mesh","name":"shop","tracing":{"defaultBackend":"jaeger-collector","backends":[
        {"name":"jaeger-collector","type":"zipkin","conf":{"url":"\#(url)"}}]}}
      """#
    }
    let moved = await Self.run(api, mesh("http://elsewhere:9411/s"))
    #expect(Self.changes(moved) == ["a jaeger-collector jaeger-collector"])
    #expect(moved.document["changes"]?.array?.first?["settingsOnly"] == true)
    let gone = await Self.run(api, #"{"type":"Mesh","name":"shop"}"#)
    #expect(Self.changes(gone) == ["a jaeger-collector -"])
    let warnings = try #require(gone.document["resources"]?.array?.first?["warnings"]?.array)
    #expect(warnings.compactMap(\.string).contains { $0.contains("has no tracing.defaultBackend") })
  }

  @Test("whether a password or a header's value is right is not told") func secrets() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("a", service: "web")
    await api.putTrace("t")
    func mesh(_ password: String, _ value: String) -> String {
      #"""
      {"type":"Mesh","name":"shop","tracing":{"defaultBackend":"jaeger-collector","backends":[
        {"name":"jaeger-collector","type":"zipkin","conf":{"url":"https://me:\#(password)@h:9411/s",
         "tls":{"verify":"system"},"headers":[{"name":"x-key","value":"\#(value)"}]}}]}}
      """#
    }
    #expect(await api.send(.put, "/meshes/shop", mesh("right", "value")).status == 200)
    let answers = [
      await Self.run(api, mesh("right", "value")), await Self.run(api, mesh("wrong", "value")),
      await Self.run(api, mesh("right", "other")),
    ]
    #expect(Self.actions(answers[0]) == ["write shop"])
    #expect(Set(answers.map(\.body)).count == 1)
    let shown = await api.get("/meshes/shop")
    #expect(Self.actions(await Self.run(api, shown.document.json())) == ["unchanged shop"])
  }

  @Test("broken rules are told as usual") func invalid() async throws {
    let api = try await TestAPI.withMesh()
    let empty = #"{"type":"TrafficTrace","mesh":"shop","name":"t"}"#
    let alone = await Self.run(api, empty)
    let written = await api.send(.put, "/meshes/shop/traffic-traces/t", empty)
    #expect(alone.status == 400)
    #expect(alone.document == written.document)
    let second = await Self.run(api, TestAPI.trace("ok"), empty)
    #expect(
      second.causes == written.causes + ["resources[1]: this is about \"t\"; nothing was written"])
  }

  @Test(
    "what is no list of resources",
    arguments: [
      "", "[]", "{}", #"{"resources":{}}"#, #"{"resources":[1]}"#, #"{"resources":[{"type":"DataplaneInsight"}]}"#,
    ])
  func unreadable(body: String) async throws {
    let answer = await TestAPI().send(.post, "/_dry-run", bytes: Array(body.utf8))
    #expect(answer.status == 400, "\(answer.body)")
    #expect(answer.title != nil)
  }

  @Test("a read-only control plane can be asked") func readOnly() async throws {
    let api = try await TestAPI.withMesh(isReadOnly: true)
    #expect(Self.actions(await Self.run(api, TestAPI.trace("t"))) == ["create t"])
  }
}
