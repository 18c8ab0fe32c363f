import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// The description of the API against the API.
@Suite struct OpenAPITests {
  private static func document() async throws -> DocumentValue {
    let answer = await TestAPI().get("/openapi.yaml")
    #expect(answer.status == 200)
    #expect(answer.contentType == "application/yaml")
    return try #require(try DocumentValue.yamlDocuments(answer.body).first)
  }

  @Test("it is YAML and names every route") func routes() async throws {
    let document = try await Self.document()
    #expect(document["openapi"]?.string == "3.0.3")
    #expect(document["info"]?["version"]?.string == "1.2.3")
    let paths = try #require(document["paths"]?.object)
    let expected = [
      "/", "/_dry-run", "/config", "/dataplane-insights", "/dataplanes", "/dataplanes+insights",
      "/dataplanes/_overview",
      "/global-insight", "/global-insights", "/global-secrets", "/global-secrets/{name}", "/gui", "/mesh-insights",
      "/mesh-insights/{mesh}", "/meshes",
      "/meshes/{mesh}",
      "/meshes/{mesh}/_tracing", "/meshes/{mesh}/_warnings", "/meshes/{mesh}/dataplane-insights",
      "/meshes/{mesh}/dataplane-insights/{name}",
      "/meshes/{mesh}/dataplanes", "/meshes/{mesh}/dataplanes+insights", "/meshes/{mesh}/dataplanes+insights/{name}",
      "/meshes/{mesh}/dataplanes/_overview", "/meshes/{mesh}/dataplanes/{name}",
      "/meshes/{mesh}/dataplanes/{name}/_overview", "/meshes/{mesh}/dataplanes/{name}/_tracing",
      "/meshes/{mesh}/dataplanes/{name}/_warnings", "/meshes/{mesh}/dataplanes/{name}/clusters",
      "/meshes/{mesh}/dataplanes/{name}/policies", "/meshes/{mesh}/dataplanes/{name}/stats",
      "/meshes/{mesh}/dataplanes/{name}/xds", "/meshes/{mesh}/secrets", "/meshes/{mesh}/secrets/{name}",
      "/meshes/{mesh}/service-insights",
      "/meshes/{mesh}/service-insights/{name}", "/meshes/{mesh}/services/{service}/_tracing",
      "/meshes/{mesh}/traffic-traces",
      "/meshes/{mesh}/traffic-traces/{name}", "/meshes/{mesh}/traffic-traces/{name}/_resources/dataplanes",
      "/meshes/{mesh}/traffic-traces/{name}/_warnings", "/meshes/{mesh}/traffic-traces/{name}/dataplanes",
      "/openapi.yaml", "/policies", "/secrets", "/senders", "/service-insights", "/tokens/dataplane", "/tokens/user",
      "/traffic-traces", "/versions", "/who-am-i",
    ]
    #expect(paths.keys.sorted() == expected)
  }

  @Test("what it describes is what is answered") func methods() async throws {
    let api = try await InspectionTests.withPolicies()
    let issuing = try TokenRoutesTests().api()
    // Each operation takes its own part of it.
    let body = #"{"resources":[],"mesh":"default","name":"ann","validFor":"1h"}"#
    try await api.store.put(.insight("a", mesh: "shop"))
    try await api.store.put(.secret(mesh: "shop", name: "a", data: [1]))
    try await api.store.put(.globalSecret(name: "a", data: [1]))
    for (pattern, methods) in try #require(try await Self.document()["paths"]?.object) {
      let described = try #require(methods.object)
      let name = pattern.contains("traffic-traces") ? "web" : pattern.contains("service-insights") ? "api" : "a"
      let path = pattern.replacing("{mesh}", with: "shop").replacing("{name}", with: name)
        .replacing("{service}", with: "web")
      // A path may belong to a more general pattern too, whose methods are then allowed as well.
      let allowed = await api.send(.patch, path).headers[.allow]?.split(separator: ", ").map { $0.lowercased() } ?? []
      #expect(Set(described.keys).isSubset(of: allowed), "\(pattern)")
      #expect(allowed == Set(allowed).sorted(), "\(pattern)")
      let isQuestion = described["get"] != nil
      let asked = pattern.hasPrefix("/tokens/") ? issuing : api
      let answer = await isQuestion ? api.get(path) : asked.send(.post, path, body)
      #expect(answer.status == 200, "\(pattern)")
      let content = described[isQuestion ? "get" : "post"]?["responses"]?["200"]?["content"]?.object
      #expect(content?.keys.first == answer.contentType, "\(pattern)")
    }
  }

  @Test("every parameter of a path and every reference is declared") func parameters() async throws {
    let document = try await Self.document()
    for (pattern, methods) in try #require(document["paths"]?.object) {
      let names = pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.dropFirst().dropLast() }
      for (method, operation) in try #require(methods.object) {
        let declared = operation["parameters"]?.array ?? []
        let inPath = declared.filter { $0["in"]?.string == "path" }
        #expect(inPath.compactMap { $0["name"]?.string } == names.map(String.init), "\(method) \(pattern)")
        #expect(operation["summary"]?.string?.hasSuffix(".") == true, "\(method) \(pattern)")
        let errors = (operation["responses"]?.object ?? [:]).filter { $0.key >= "400" }
        for (status, response) in errors {
          let reference = response["content"]?["application/json"]?["schema"]?["$ref"]?.string
          #expect(reference == "#/components/schemas/Error", "\(method) \(pattern) \(status)")
        }
      }
    }
    #expect(document["components"]?["schemas"]?["Error"] != nil)
  }
}
