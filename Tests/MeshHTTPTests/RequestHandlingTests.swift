import HTTPTypes
import MeshHTTP
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

/// What is decided before a route does its work: paths, methods, media types, sizes.
@Suite struct RequestHandlingTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var method: HTTPRequest.Method
    var path: String
    var headers: [HTTPField.Name: String]
    var status: Int
    var body: String?

    init(
      _ name: String, _ method: HTTPRequest.Method, _ path: String, _ headers: [HTTPField.Name: String] = [:],
      status: Int, _ body: String? = nil
    ) {
      testDescription = name
      self.method = method
      self.path = path
      self.headers = headers
      self.status = status
      self.body = body
    }
  }

  static let notFound = "404: Page Not Found"
  static let notAllowed = "405: Method Not Allowed"
  static let unsupported = "415: Unsupported Media Type"
  static let notAcceptable = "406: Not Acceptable\n\nAvailable representations: application/json"
  static let item = "/meshes/shop/traffic-traces/t"

  static let rows = [
    Row("an unknown path", .get, "/nothing", status: 404, notFound),
    Row("an unknown path below a resource", .get, "/meshes/shop/traffic-traces/t/what", status: 404, notFound),
    Row("an unknown path, whatever the method", .put, "/nothing", status: 404, notFound),
    Row("case counts in paths", .get, "/Meshes", status: 404, notFound),
    Row("an escaped slash is one", .get, "/meshes/shop%2Ftraffic-traces%2Ft", status: 200),
    Row("an escaped slash makes another path", .get, "/meshes/shop/traffic-traces/t%2Fwhat", status: 404, notFound),
    Row("a path that cannot be decoded", .get, "/meshes/%zz", status: 400, "400: Bad Request"),
    Row("an escape that is cut", .get, "/meshes/%4", status: 400, "400: Bad Request"),
    Row("bytes that are no text", .get, "/meshes/%ff", status: 400, "400: Bad Request"),
    Row("no path at all", .get, "*", status: 400, "400: Bad Request"),
    Row("a slash at the end", .get, "/meshes/shop/", status: 200),
    Row("an escaped letter", .get, "/meshes/sh%6Fp", status: 200),
    Row("HEAD", .head, "/", status: 405, ""),
    Row("POST", .post, "/meshes", status: 405, notAllowed),
    Row("PATCH", .patch, item, status: 405, notAllowed),
    Row("DELETE of a list", .delete, "/meshes/shop/traffic-traces", status: 405, notAllowed),
    Row("an insight is not written over HTTP", .put, "/meshes/shop/dataplane-insights/d", status: 405, notAllowed),
    Row("Accept: anything", .get, "/meshes/shop", [.accept: "*/*"], status: 200),
    Row("Accept: JSON", .get, "/meshes/shop", [.accept: "application/json"], status: 200),
    Row("Accept: a list", .get, "/meshes/shop", [.accept: "text/html, application/json;q=0.5"], status: 200),
    Row("Accept: HTML", .get, "/meshes/shop", [.accept: "text/html"], status: 406, notAcceptable),
    Row("Accept: application/*", .get, "/meshes/shop", [.accept: "application/*"], status: 406, notAcceptable),
    Row("Accept: JSON where YAML is made", .get, "/openapi.yaml", [.accept: "application/json"], status: 406),
    Row("Accept: YAML", .get, "/openapi.yaml", [.accept: "application/yaml"], status: 200),
    Row("a type is not needed without a body", .delete, item, [.contentType: ""], status: 200),
    Row("a wrong type without a body", .delete, item, [.contentType: "text/plain"], status: 415, unsupported),
    Row("no type", .put, item, [.contentType: ""], status: 415, unsupported),
    Row("YAML", .put, item, [.contentType: "application/x-yaml"], status: 415, unsupported),
    Row("upper case", .put, item, [.contentType: "APPLICATION/JSON"], status: 415, unsupported),
    Row("JSON with a character set", .put, item, [.contentType: "application/json; charset=utf-8"], status: 200),
  ]

  static let moves = [
    ("//meshes", "/meshes"), ("/meshes//shop", "/meshes/shop"), ("/meshes/shop//", "/meshes/shop/"),
    ("/meshes/./shop/x/..", "/meshes/shop"), ("/../..", "/"),
    ("/meshes//shop?size=1&name=a", "/meshes/shop?size=1&name=a"),
    ("/meshes/shop/traffic-traces//x", "/meshes/shop/traffic-traces/x"), ("/meshes/%2Fshop", "/meshes/shop"),
    ("/meshes//a%20b%22%3C", "/meshes/a%20b%22%3C"), ("//nothing", "/nothing"),
  ]

  @Test("a path with empty segments or dots is sent to the path without them", arguments: moves)
  func moved(_ path: String, _ location: String) async throws {
    let api = try await TestAPI.withMesh()
    let answer = await api.get(path)
    #expect(answer.status == 301)
    #expect(answer.contentType == "text/html; charset=utf-8")
    #expect(answer.headers[.location] == location)
    let shown = location.replacing("&", with: "&amp;")
    #expect(answer.body == "<a href=\"\(shown)\">Moved Permanently</a>.\n\n")
    for method in [HTTPRequest.Method.put, .delete] {
      let answer = await api.send(method, path, nil)
      #expect(answer.status == 301)
      #expect(answer.contentType == nil)
      #expect(answer.body.isEmpty)
    }
  }

  @Test("requests", arguments: rows)
  func request(row: Row) async throws {
    let api = try await TestAPI.withMesh()
    await api.putTrace("t")
    let body = row.method == .put || row.method == .post ? TestAPI.trace("t") : nil
    let answer = await api.send(row.method, row.path, body, headers: row.headers)
    #expect(answer.status == row.status)
    if let body = row.body {
      #expect(answer.body == body)
      #expect(answer.contentType == "text/plain; charset=utf-8")
    }
  }

  @Test(
    "a 405 says what would be allowed",
    arguments: [
      ("/", "GET"), ("/meshes", "GET"), ("/meshes/shop", "DELETE, GET, PUT"), (item, "DELETE, GET, PUT"),
      ("/meshes/shop/dataplanes", "GET"), ("/meshes/shop/dataplanes/d", "DELETE, GET, PUT"),
      ("/meshes/shop/dataplane-insights/d", "GET"), ("/mesh-insights", "GET"), ("/openapi.yaml", "GET"),
    ])
  func allow(path: String, methods: String) async {
    let answer = await TestAPI().send(.patch, path)
    #expect(answer.status == 405)
    #expect(answer.headers[.allow] == methods)
  }

  @Test("bodies up to the limit are read, larger ones refused") func limit() async throws {
    let body = TestAPI.trace("t")
    let exact = TestAPI(bodyLimit: body.utf8.count)
    try await exact.store.put(.mesh("shop"))
    #expect(await exact.send(.put, Self.item, body).status == 201)
    let answer = await exact.send(.put, Self.item, body + " ")
    #expect(answer.status == 413)
    #expect(
      answer.document.sortedByKey()
        == .error(413, "Content Too Large", "The body is larger than the limit of \(body.utf8.count) bytes."))
  }

  @Test("nothing is written in read-only mode") func readOnly() async throws {
    let api = try await TestAPI.withMesh(isReadOnly: true)
    for (method, path) in [
      (HTTPRequest.Method.put, Self.item), (.delete, Self.item), (.put, "/meshes/new"), (.delete, "/meshes/shop"),
      (.put, "/meshes/shop/dataplanes/d"),
    ] {
      let answer = await api.send(method, path, TestAPI.trace("t"))
      #expect(answer.status == 405, "\(method) \(path)")
      #expect(answer.title == "Method not Allowed")
      #expect(answer.detail?.contains("read-only") == true)
    }
    #expect(await api.get("/meshes/shop").status == 200)
    #expect(try await api.store.everything().count == 1)
    let policies = await api.get("/policies").document["policies"]?.array
    #expect(policies?.first?["readOnly"]?.bool == true)
  }

  @Test("on Kubernetes the refusal of a write is Kuma's and says what to do") func readOnlyOnKubernetes() async {
    let api = TestAPI(isReadOnly: true, readOnlyReason: APIConfiguration.readOnlyOnKubernetes)
    let answer = await api.send(.put, Self.item, TestAPI.trace("t"))
    #expect(
      answer.document.sortedByKey()
        == .error(
          405, "Method not Allowed",
          "On Kubernetes you cannot change the state of Kuma resources with 'kumactl apply' or via the HTTP API. Use "
            + "'kubectl apply' and 'kubectl delete' instead; everything can be read here."))
  }

  @Test(
    "a resource that is kept in a cluster is shown in Kubernetes form as it is stored there",
    arguments: ["k8s", "kubernetes"])
  func storedObject(_ form: String) async throws {
    let api = TestAPI(object: { $0.name == "kept" ? ["kind": "Mesh", "metadata": ["uid": "1234"]] : nil })
    try await api.store.put(.mesh("kept"))
    try await api.store.put(.mesh("other"))
    #expect(await api.get("/meshes/kept?format=\(form)").document == ["kind": "Mesh", "metadata": ["uid": "1234"]])
    #expect(await api.get("/meshes/kept").document["name"] == "kept")
    let items = await api.get("/meshes?format=\(form)").document["items"]?.array ?? []
    #expect(items.map { $0["metadata"]?["uid"]?.string } == ["1234", nil])
    #expect(items.map { $0["metadata"]?["name"]?.string } == [nil, "other"])
  }

  @Test("who answers, and how it is configured") func server() async {
    let api = TestAPI()
    #expect(
      await api.get("/").document == [
        "hostname": "host", "tagline": "Kuma", "product": "Kuma", "version": "1.2.3", "instanceId": "host-1",
        "clusterId": "cluster-1", "gui": "/gui",
      ])
    #expect(await api.get("/config").document == ["store": ["type": "memory"]])
    #expect(await api.get("/versions").document == ["kumaDp": ["1.2.3": [:]]])
    #expect(await api.get("/who-am-i").document["name"]?.string == "mesh-system:admin")
    let policy = await api.get("/policies").document["policies"]?.array?.first
    #expect(policy?["name"]?.string == "TrafficTrace")
    #expect(policy?["path"]?.string == "traffic-traces")
    #expect(policy?["readOnly"]?.bool == false)
  }

  @Test("JSON is indented by one space, slashes and ampersands as they are") func form() async throws {
    let api = TestAPI()
    await api.put("/meshes/shop", #"{"type":"Mesh","name":"shop","metrics":{"path":"/a&b<c>"}}"#)
    let answer = await api.get("/meshes/shop")
    #expect(answer.contentType == "application/json")
    #expect(answer.body.hasPrefix("{\n \"type\": \"Mesh\",\n \"name\": \"shop\",\n \"creationTime\": \""))
    #expect(answer.body.contains("  \"path\": \"/a&b<c>\"\n"))
    #expect(answer.body.hasSuffix("}\n"))
  }
}
