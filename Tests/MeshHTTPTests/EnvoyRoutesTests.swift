import HTTPTypes
import MeshHTTP
import MeshModel
import MeshPolicy
import MeshStore
import MeshTestSupport
import Testing

/// What proxies' Envoys are asked and what becomes of their answers.
@Suite struct EnvoyRoutesTests {
  private static let web = ProxyID(mesh: "shop", name: "web")

  private static func api(_ envoys: PlainAdministration, admin: String = "") async throws -> TestAPI {
    let api = TestAPI(envoys: envoys)
    try await api.store.put(.mesh("shop"))
    await api.putProxy(
      "web",
      networking: #"{"address":"10.1.0.1"\#(admin),"inbound":[{"port":80,"tags":{"kuma.io/service":"web"}}]}"#)
    return api
  }

  @Test(
    "paths and parameters become questions",
    arguments: [
      ("xds", EnvoyQuestion.configuration(withEndpoints: false), "application/json"),
      ("xds?include_eds=true", .configuration(withEndpoints: true), "application/json"),
      ("xds?include_eds=T", .configuration(withEndpoints: true), "application/json"),
      ("xds?include_eds=yes", .configuration(withEndpoints: false), "application/json"),
      ("stats", .statistics(asJSON: false), "text/plain"),
      ("stats?format=text", .statistics(asJSON: false), "text/plain"),
      ("stats?format=json", .statistics(asJSON: true), "application/json"),
      ("clusters", .clusters(asJSON: false), "text/plain"),
      ("clusters?format=json", .clusters(asJSON: true), "application/json"),
    ])
  func questions(path: String, question: EnvoyQuestion, type: String) async throws {
    let envoys = PlainAdministration()
    let answer = try await Self.api(envoys).get("/meshes/shop/dataplanes/web/\(path)")
    #expect(answer.status == 200)
    #expect(answer.contentType == type)
    #expect(answer.document == ["configs": []])
    #expect(envoys.asked == [.init(question: question, proxy: Self.web, defaultPort: nil)])
  }

  @Test("text is passed on as it is, to whoever takes text or JSON")
  func text() async throws {
    let api = try await Self.api(PlainAdministration("server.live: 1\n\n"))
    for accept in ["", "*/*", "text/plain", "application/json"] {
      let answer = await api.get("/meshes/shop/dataplanes/web/stats", headers: [.accept: accept])
      #expect(answer.status == 200, "\(accept)")
      #expect(answer.body == "server.live: 1\n\n", "\(accept)")
    }
    let refused = await api.get("/meshes/shop/dataplanes/web/stats", headers: [.accept: "text/html"])
    #expect(refused.status == 406)
    #expect(refused.body.hasSuffix("Available representations: text/plain, application/json"))
  }

  @Test(
    "the Dataplane's port is where to ask when the proxy has named none",
    arguments: [(#","admin":{"port":9902}"#, 9902), (#","admin":{"port":0}"#, nil), (#","admin":{}"#, nil), ("", nil)])
  func port(admin: String, expected: UInt16?) async throws {
    let envoys = PlainAdministration()
    _ = try await Self.api(envoys, admin: admin).get("/meshes/shop/dataplanes/web/clusters")
    #expect(envoys.asked.map(\.defaultPort) == [expected])
  }

  @Test("tokens are not shown")
  func tokens() async throws {
    let dump = """
      {"configs": [{"bootstrap": {
        "node": {"id": "shop.web", "metadata": {"dataplane.token": "secret-1", "dataplane.proxyType": "dataplane"}},
        "dynamic_resources": {"ads_config": {"grpc_services": [{"initial_metadata": [
          {"key": "Authorization", "value": "secret-2"}, {"key": "x-other", "value": "kept"}]}]}}}}]}
      """
    let answer = try await Self.api(PlainAdministration(dump)).get("/meshes/shop/dataplanes/web/xds")
    #expect(!answer.body.contains("secret"))
    let bootstrap = answer.document["configs"]?.array?.first?["bootstrap"]
    #expect(
      bootstrap?["node"]
        == ["id": "shop.web", "metadata": ["dataplane.token": "[redacted]", "dataplane.proxyType": "dataplane"]])
    let services = bootstrap?["dynamic_resources"]?["ads_config"]?["grpc_services"]
    #expect(
      services?.array?.first?["initial_metadata"] == [
        ["key": "Authorization", "value": "[redacted]"], ["key": "x-other", "value": "kept"],
      ])
  }

  @Test("keys, credentials and passwords are not shown, wherever they stand")
  func secrets() async throws {
    let dump = """
      {"configs": [{"static_clusters": [
        {"address": "http://user:secret-1@collector:9411/", "transport_socket": {"tls_certificates": [
          {"private_key": {"inline_string": "-----BEGIN PRIVATE KEY-----secret-2"}, "certificate_chain": {"inline_string": "chain"}},
          {"private_key": {"inline_bytes": "secret-3"}, "password": {"inline_string": "secret-4"}}]}},
        {"generic_secret": {"secret": {"inline_string": "secret-5"}}},
        {"request_headers_to_add": [{"header": {"key": "authorization", "raw_value": "secret-6"}},
          {"header": {"key": "x-kept", "value": "kept"}}]},
        {"note": "-----BEGIN RSA PRIVATE KEY-----secret-7"}, {"path": "/run/key.pem"}]}]}
      """
    let answer = try await Self.api(PlainAdministration(dump)).get("/meshes/shop/dataplanes/web/xds")
    #expect(answer.status == 200)
    #expect(!answer.body.contains("secret-"), "\(answer.body)")
    for kept in ["chain", "kept", "http://***@collector:9411/", "/run/key.pem", "private_key"] {
      #expect(answer.body.contains(kept), "\(answer.body)")
    }
  }

  @Test("a configuration that is not JSON is not passed on", arguments: ["", "<html>", #"{"a":"#])
  func notJSON(text: String) async throws {
    let answer = try await Self.api(PlainAdministration(text)).get("/meshes/shop/dataplanes/web/xds")
    #expect(answer.status == 502)
    #expect(answer.title == "Could not execute admin operation")
    #expect(answer.detail?.hasPrefix("Envoy's configuration is not valid JSON: ") == true)
  }

  @Test("an absent proxy or mesh is not asked", arguments: ["shop/dataplanes/api", "other/dataplanes/web"])
  func absent(path: String) async throws {
    let envoys = PlainAdministration()
    let api = try await Self.api(envoys)
    for view in ["xds", "stats", "clusters"] {
      let answer = await api.get("/meshes/\(path)/\(view)")
      #expect(answer.status == 404)
      #expect(answer.document.sortedByKey() == .error(404, "Could not get dataplane resource", "Not found"))
    }
    #expect(envoys.asked.isEmpty)
  }

  @Test("why an Envoy cannot be asked becomes an error", arguments: EnvoyAdministrationError.Code.allCases)
  func failures(code: EnvoyAdministrationError.Code) async throws {
    let status: Int64 =
      switch code {
      case .notConnected, .busy: 503
      case .noInterface: 409
      case .elsewhere: 501
      case .unreachable, .unexpectedAnswer: 502
      case .timedOut: 504
      }
    let api = try await Self.api(PlainAdministration(failing: EnvoyAdministrationError(code, "Because.")))
    let description = try #require(try DocumentValue.yamlDocuments(await api.get("/openapi.yaml").body).first)
    for view in ["xds", "stats", "clusters"] {
      let answer = await api.get("/meshes/shop/dataplanes/web/\(view)")
      #expect(answer.status == Int(status))
      #expect(answer.contentType == "application/json")
      #expect(answer.document.sortedByKey() == .error(status, "Could not execute admin operation", "Because."))
      let responses = description["paths"]?["/meshes/{mesh}/dataplanes/{name}/\(view)"]?["get"]?["responses"]
      #expect(responses?["\(status)"] != nil)
    }
  }
}
