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
    await api.putProxy("e", service: "wep")
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
