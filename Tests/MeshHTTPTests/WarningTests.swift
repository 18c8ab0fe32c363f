import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

/// Warnings: in the answers to writes, and on request.
@Suite struct WarningTests {
  static let unknownBackend =
    "TrafficTrace \"t\" names the tracing backend \"jager-collector\", which mesh \"shop\" does not have; did you mean "
    + "\"jaeger-collector\"? Nothing will be traced."

  @Test("a write without anything to warn of has no body") func none() async throws {
    let api = try await TestAPI.withMesh()
    let answer = await api.putTrace("t", backend: "jaeger-collector")
    #expect(answer.status == 201)
    #expect(answer.body.isEmpty)
    #expect(answer.contentType == nil)
    #expect(await api.get("/meshes/shop/traffic-traces/t/_warnings").document == ["warnings": []])
    #expect(await api.get("/meshes/shop/_warnings").document == ["warnings": []])
  }

  @Test("an unknown backend, with the nearest name") func unknown() async throws {
    let api = try await TestAPI.withMesh()
    let created = await api.putTrace("t", backend: "jager-collector")
    #expect(created.status == 201)
    #expect(created.document == ["warnings": [.string(Self.unknownBackend)]])
    #expect(created.contentType == "application/json")
    let updated = await api.putTrace("t", backend: "jager-collector")
    #expect(updated.status == 200)
    #expect(updated.warnings == [Self.unknownBackend])
    #expect(await api.get("/meshes/shop/traffic-traces/t/_warnings").warnings == [Self.unknownBackend])
    #expect(
      await api.get("/meshes/shop/_warnings").warnings == [
        "Mesh \"shop\" has no tracing backend \"jager-collector\", which TrafficTrace \"t\" names. Nothing will be "
          + "traced there."
      ])
    await api.putTrace("fine", #"{"kuma.io/service":"web"}"#, backend: "jaeger-collector")
    await api.putProxy("a", service: "web")
    let all = await api.get("/meshes/shop/_warnings?policies=true").document
    #expect(all["warnings"]?.array?.count == 1)
    #expect(
      all["policies"]?.array?.first { $0["name"] == "t" }?["warnings"]?.array?.first?.string == Self.unknownBackend)
    #expect(await api.get("/meshes/absent/_warnings?policies=true").status == 404)
  }

  @Test("a mesh without a default") func noDefault() async throws {
    let api = TestAPI()
    try await api.store.put(.mesh("shop", backends: []))
    let warnings = await api.putTrace("t").warnings
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("has no tracing.defaultBackend") == true)
  }

  @Test("fields that are not known") func fields() async throws {
    let api = try await TestAPI.withMesh()
    let answer = await api.put(
      "/meshes/shop/traffic-traces/t",
      #"""
      {"type":"TrafficTrace","mesh":"shop","name":"t","selectors":[{"match":{"a":"b"}}],
       "conf":{"backned":"jaeger-collector"},"strange":1}
      """#)
    #expect(
      answer.warnings == [
        "strange: unknown field, ignored", "conf.backned: unknown field, ignored; did you mean \"backend\"?",
      ])
    #expect(await api.get("/meshes/shop/traffic-traces/t").document["strange"] == nil)
  }

  @Test("a field of a backend's settings stays, and is warned of again") func backendFields() async throws {
    let api = TestAPI()
    let answer = await api.put(
      "/meshes/m",
      #"""
      {"type":"Mesh","name":"m","tracing":{"backends":[
        {"name":"z","type":"zipkin","conf":{"url":"http://z:9411/s","apiVersoin":"httpJson"}}]}}
      """#)
    let expected = [
      "tracing.backends[0].conf.apiVersoin: unknown field, ignored; did you mean \"apiVersion\"?"
    ]
    #expect(answer.warnings == expected)
    #expect(await api.get("/meshes/m/_warnings").warnings == expected)
  }

  @Test("a mesh that says what is not done") func differences() async {
    let api = TestAPI()
    let mesh = """
      {"type":"Mesh","name":"shop","mtls":{"enabledBackend":"ca","backends":[{"name":"ca","type":"builtin"}]},
        "tracing":{"backends":[{"name":"z","type":"zipkin","conf":{"url":"http://z:9411"}}]}}
      """
    let answer = await api.put("/meshes/shop", mesh)
    #expect(answer.warnings.count == 2)
    #expect(answer.warnings.first?.contains("mtls.enabledBackend") == true)
    #expect(answer.warnings.last?.contains("/api/v2/spans") == true)
    #expect(await api.get("/meshes/shop/_warnings").warnings == answer.warnings)
  }

  @Test("a Dataplane that says what is not done") func dataplaneDifferences() async throws {
    let api = try await TestAPI.withMesh()
    let proxy = #"""
      {"type":"Dataplane","mesh":"shop","name":"web-1","metrics":{"type":"prometheus","conf":{"port":5670}},
       "networking":{"address":"127.0.0.1","inbound":[
         {"port":80,"servicePort":8080,"tags":{"kuma.io/service":"web","kuma.io/protocol":"http"}}]}}
      """#
    let answer = await api.put("/meshes/shop/dataplanes/web-1", proxy)
    #expect(answer.status == 201)
    #expect(answer.warnings.count == 1)
    #expect(answer.warnings.first?.contains("has metrics, which is kept and not acted on") == true)
    #expect(await api.get("/meshes/shop/dataplanes/web-1/_warnings").warnings == answer.warnings)
  }

  @Test("a sampling that Envoy takes for another") func sampling() async {
    let answer = await TestAPI().put(
      "/meshes/m",
      #"""
      {"type":"Mesh","name":"m","tracing":{"backends":[
        {"name":"z","type":"zipkin","sampling":0.009,"conf":{"url":"http://z:9411/s"}}]}}
      """#)
    #expect(answer.status == 201)
    #expect(answer.warnings.count == 1)
    #expect(answer.warnings.first?.contains("nothing will be traced") == true)
  }

  @Test("a mesh that says httpJsonV1") func oldFormat() async {
    let answer = await TestAPI().put(
      "/meshes/m",
      #"""
      {"type":"Mesh","name":"m","tracing":{"backends":[
        {"name":"z","type":"zipkin","conf":{"url":"http://z:9411/s","apiVersion":"httpJsonV1"}}]}}
      """#)
    #expect(answer.warnings.count == 1)
    #expect(answer.warnings.first?.contains("httpJsonV1") == true)
  }

  @Test("apiVersion auto is kept as it is, without a warning; a refusal of other values does not offer it")
  func automatic() async {
    func mesh(_ apiVersion: String) -> String {
      #"""
      {"type":"Mesh","name":"m","tracing":{"backends":[
        {"name":"z","type":"zipkin","conf":{"url":"http://z:9411/s","apiVersion":"\#(apiVersion)"}}]}}
      """#
    }
    let api = TestAPI()
    let answer = await api.put("/meshes/m", mesh("auto"))
    #expect(answer.status == 201 && answer.body.isEmpty)
    let stored = await api.get("/meshes/m").document["tracing"]?["backends"]?.array?.first
    #expect(stored?["conf"] == ["apiVersion": "auto", "url": "http://z:9411/s"])
    #expect(await api.get("/meshes/m/_warnings").document == ["warnings": []])
    for value in ["Auto", "automatic", "auto "] {
      let refused = await api.send(.put, "/meshes/m", mesh(value))
      #expect(refused.status == 400)
      #expect(
        refused.causes == [
          "tracing.backends[0].config.apiVersion: has invalid value. Allowed values: httpJsonV1, httpJson, httpProto"
        ])
    }
  }

  @Test("a mesh update that takes a backend away") func losing() async throws {
    let api = try await TestAPI.withMesh()
    await api.putTrace("t", backend: "jaeger-collector")
    await api.putTrace("u", backend: "never")
    let without = #"{"type":"Mesh","name":"shop"}"#
    let lost =
      "Mesh \"shop\" has no tracing backend \"jaeger-collector\", which TrafficTrace \"t\" names. Nothing will be "
      + "traced there."
    #expect(await api.put("/meshes/shop", without).warnings == [lost], "the other never had one")
    #expect(await api.put("/meshes/shop", without).warnings.isEmpty, "it is lost already")
    #expect(await api.get("/meshes/shop/_warnings").warnings.count == 2)
  }

  @Test("a policy that matches no proxy") func unmatched() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("d", service: "web")
    let warnings = await api.putTrace("t", #"{"kuma.io/service":"wep"}"#).warnings
    #expect(
      warnings == [
        "TrafficTrace \"t\" does not match the one data plane proxy of mesh \"shop\": none has the tag "
          + "\"kuma.io/service\" with the value \"wep\"; did you mean \"web\"?"
      ])
    await api.putProxy("e", service: "wep", tags: #","kuma.io/protocol":"http""#)
    #expect(await api.get("/meshes/shop/traffic-traces/t/_warnings").warnings.isEmpty)
  }

  @Test("a policy in the shadow of another") func overshadowed() async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("d", service: "web")
    await api.putTrace("exact", #"{"kuma.io/service":"web"}"#)
    let warnings = await api.putTrace("t").warnings
    #expect(
      warnings == [
        "TrafficTrace \"t\" applies to no proxy: the one proxy that it matches has a more specific or later created "
          + "policy, \"exact\"."
      ])
  }

  @Test("a proxy that keeps its service from HTTP") func downgrade() async throws {
    let api = try await TestAPI.withMesh()
    let http = #","kuma.io/protocol":"http""#
    await api.putProxy(
      "web",
      networking: #"""
        {"address":"10.1.0.1","inbound":[{"port":80,"tags":{"kuma.io/service":"web"\#(http)}}],
         "outbound":[{"port":10001,"tags":{"kuma.io/service":"api"}}]}
        """#)
    await api.putProxy("api-1", service: "api", tags: http)
    await api.putProxy("api-2", service: "api")
    let downgrade =
      "Service \"api\" is handled as TCP, and requests to it will leave no spans at its callers: data plane proxy "
      + "\"api-2\" has no tag kuma.io/protocol, while others speak http."
    let silent =
      "TrafficTrace \"t\" applies to a data plane proxy that has no HTTP listener and will leave no spans: \"api-2\". Set "
      + "the tag kuma.io/protocol to http, http2 or grpc."
    let written = await api.putTrace("t")
    #expect(written.status == 201)
    #expect(written.warnings == [silent, downgrade])
    #expect(await api.get("/meshes/shop/traffic-traces/t/_warnings").warnings == [silent, downgrade])
    #expect(await api.get("/meshes/shop/dataplanes/api-2/_warnings").warnings == [silent, downgrade])
    #expect(await api.putProxy("api-2", service: "api").warnings == [silent, downgrade])
    #expect(await api.putProxy("api-2", service: "api", tags: http).warnings.isEmpty)
    #expect(await api.get("/meshes/shop/traffic-traces/t/_warnings").warnings.isEmpty)
  }

  @Test("a body with very many unknown fields gets a short answer") func manyFields() async throws {
    let api = try await TestAPI.withMesh()
    let fields = (0..<9_000).map { "\"f\($0)\":1" }.joined(separator: ",")
    let answer = await api.put(
      "/meshes/shop/traffic-traces/t",
      "{\"type\":\"TrafficTrace\",\"mesh\":\"shop\",\"name\":\"t\",\"selectors\":[{\"match\":{\"a\":\"b\"}}],\(fields)}"
    )
    #expect(answer.warnings.count == 21)
    #expect(answer.warnings.last == "and 8980 more unknown fields, ignored")
  }

  @Test(
    "warnings of what is not there",
    arguments: [
      ("/meshes/absent/_warnings", "Could not retrieve a resource"),
      ("/meshes/absent/traffic-traces/t/_warnings", "Failed to retrieve Mesh"),
      ("/meshes/shop/traffic-traces/t/_warnings", "Could not retrieve a resource"),
    ])
  func absent(path: String, title: String) async throws {
    let answer = await (try TestAPI.withMesh()).get(path)
    #expect(answer.document.sortedByKey() == .error(404, title, "Not found"))
  }
}
