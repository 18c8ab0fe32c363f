import HTTPTypes
import MeshModel
import MeshStore
import MeshTestSupport
import Testing

/// Creating, replacing and deleting resources.
@Suite struct ResourceWriteTests {
  static let item = "/meshes/shop/traffic-traces/t"

  struct Kind: Sendable, CustomTestStringConvertible {
    var type: String
    var path: String
    var body: String
    var testDescription: String { type }
  }

  static let kinds = [
    Kind(type: "Mesh", path: "/meshes/m", body: #"{"type":"Mesh","name":"m"}"#),
    Kind(type: "TrafficTrace", path: item, body: TestAPI.trace("t")),
    Kind(
      type: "Dataplane", path: "/meshes/shop/dataplanes/d",
      body: #"{"type":"Dataplane","mesh":"shop","name":"d","networking":\#(TestAPI.gateway)}"#),
  ]

  @Test("create, update, read, delete", arguments: kinds)
  func life(_ resource: Kind) async throws {
    let api = try await TestAPI.withMesh()
    #expect(await api.get(resource.path).status == 404)
    api.clock.set(Timestamp(seconds: 1_700_000_100))
    let created = await api.send(.put, resource.path, resource.body)
    #expect(created.status == 201)
    let first = await api.get(resource.path).document
    #expect(first["type"]?.string == resource.type)
    #expect(first["creationTime"]?.string == "2023-11-14T22:15:00Z")
    #expect(first["modificationTime"] == first["creationTime"])
    #expect(first["labels"] == ["kuma.io/origin": "zone"])
    api.clock.set(Timestamp(seconds: 1_700_000_200))
    #expect(await api.send(.put, resource.path, resource.body).status == 200)
    let second = await api.get(resource.path).document
    #expect(second["creationTime"] == first["creationTime"], "an update keeps the time of creation")
    #expect(second["modificationTime"]?.string == "2023-11-14T22:16:40Z")
    #expect(second["labels"] == nil, "an update replaces the labels")
    let deleted = await api.send(.delete, resource.path)
    #expect(deleted.status == 200)
    #expect(deleted.body.isEmpty)
    #expect(deleted.contentType == nil)
    let gone = await api.get(resource.path)
    #expect(gone.status == 404)
    #expect(gone.document.sortedByKey() == .error(404, "Could not retrieve a resource", "Not found"))
    let again = await api.send(.delete, resource.path)
    #expect(again.status == 404)
    #expect(again.document.sortedByKey() == .error(404, "Could not delete a resource", "Not found"))
  }

  @Test("times in a body are read and ignored") func times() async throws {
    let api = try await TestAPI.withMesh()
    func body(_ time: String) -> String {
      #"{"type":"TrafficTrace","mesh":"shop","name":"t","creationTime":\#(time),"selectors":[{"match":{"a":"b"}}]}"#
    }
    #expect(await api.send(.put, Self.item, body("\"2001-01-01T00:00:00Z\"")).status == 201)
    #expect(await api.get(Self.item).document["creationTime"]?.string?.hasPrefix("2023-") == true)
    for bad in ["\"yesterday\"", "1", "\"2001-02-30T00:00:00Z\""] {
      let answer = await api.send(.put, Self.item, body(bad))
      #expect(answer.status == 400, "\(bad)")
      #expect(answer.title == "Bad Request")
    }
  }

  struct Mismatch: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var path: String
    var body: String
    var title = "Could not process a resource"
    var causes: [String]
  }

  static let same = "from the URL has to be the same as in body"
  static let characters =
    "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    + "'.', and must start and end with an alphanumeric character"
  static let oldCharacters =
    "invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."
  static let selectors = #""selectors":[{"match":{"a":"b"}}]"#
  static let long = String(repeating: "x", count: 254)

  static let mismatches = [
    Mismatch(
      testDescription: "name", path: item, body: TestAPI.trace("u"), causes: ["name: name \(same)"]),
    Mismatch(
      testDescription: "mesh", path: item, body: TestAPI.trace("t", mesh: "other"), causes: ["mesh: mesh \(same)"]),
    Mismatch(
      testDescription: "type", path: item, body: #"{"type":"Mesh","mesh":"shop","name":"t",\#(selectors)}"#,
      causes: ["type: type \(same)"]),
    Mismatch(
      testDescription: "everything", path: item, body: "{\(selectors)}",
      causes: [
        "name: name \(same)", "type: type \(same)", "mesh: mesh \(same)", "name: cannot be empty",
        "mesh: cannot be empty",
      ]),
    Mismatch(
      testDescription: "a specification that breaks rules hides the rest", path: item, body: "{}",
      causes: ["selectors: must have at least one element"]),
    Mismatch(
      testDescription: "underscore in a new name", path: "/meshes/shop/traffic-traces/a_b",
      body: TestAPI.trace("a_b"), causes: ["name: \(characters)"]),
    Mismatch(
      testDescription: "upper case in a new name", path: "/meshes/shop/traffic-traces/T",
      body: TestAPI.trace("T"), causes: ["name: \(characters)"]),
    Mismatch(
      testDescription: "a long name", path: "/meshes/shop/traffic-traces/\(long)", body: TestAPI.trace(long),
      causes: ["name: value length must less or equal 253"]),
    Mismatch(
      testDescription: "a long name in upper case, of which the length is told",
      path: "/meshes/shop/traffic-traces/\(long.uppercased())", body: TestAPI.trace(long.uppercased()),
      causes: ["name: value length must less or equal 253"]),
    Mismatch(
      testDescription: "upper case in a mesh's name", path: item, body: TestAPI.trace("t", mesh: "Shop"),
      causes: ["mesh: mesh \(same)", "mesh: \(oldCharacters)"]),
    Mismatch(
      testDescription: "a long name of a mesh", path: "/meshes/\(long.prefix(64))",
      body: #"{"type":"Mesh","name":"\#(long.prefix(64))"}"#, title: "Could not create a resource",
      causes: ["name: cannot be longer than 63 characters"]),
    Mismatch(
      testDescription: "every violation of a mesh", path: "/meshes/m",
      body: #"""
        {"type":"Mesh","name":"m","tracing":{"defaultBackend":"x","backends":[
          {"type":"zipkin","sampling":101,"conf":{"apiVersion":"v3","url":"zipkin:9411"}},
          {"name":"a","type":"datadog","conf":{"port":0}},{"name":"a","type":"jaeger"}]}}
        """#,
      causes: [
        "tracing.backends[0].name: cannot be empty",
        "tracing.backends[0].sampling: has to be in [0.0 - 100.0] range",
        "tracing.backends[0].config.apiVersion: has invalid value. Allowed values: httpJsonV1, httpJson, httpProto",
        "tracing.backends[0].config.url: port has to be explicitly specified",
        "tracing.backends[1].config.address: cannot be empty",
        "tracing.backends[1].config.port: port must be in the range [1, 65535]",
        "tracing.backends[2].type: unknown backend type. Available backends: \"zipkin\", \"datadog\"",
        "tracing.backends[2].name: \"a\" name is already used for another backend",
        "tracing.defaultBackend: has to be set to one of the tracing backend in mesh",
      ]),
    Mismatch(
      testDescription: "a proxy without networking", path: "/meshes/shop/dataplanes/d",
      body: #"{"type":"Dataplane","mesh":"shop","name":"d"}"#, causes: ["networking: must be defined"]),
    Mismatch(
      testDescription: "every violation of a proxy", path: "/meshes/shop/dataplanes/d",
      body: #"""
        {"type":"Dataplane","mesh":"shop","name":"d","networking":{"address":"0.0.0.0","inbound":[
          {"port":0,"servicePort":70000,"serviceAddress":"x","tags":{"kuma.io/protocol":"smtp","a":""}}],
          "outbound":[{"port":70000,"address":"x"}]}}
        """#,
      causes: [
        "networking.address: must not be 0.0.0.0 or ::",
        "networking.inbound[0].port: port must be in the range [1, 65535]",
        "networking.inbound[0].servicePort: port must be in the range [1, 65535]",
        "networking.inbound[0].serviceAddress: serviceAddress has to be valid IP address",
        "networking.inbound[0].tags[\"kuma.io/protocol\"]: tag \"kuma.io/protocol\" has an invalid value \"smtp\". "
          + "Allowed values: grpc, http, http2, kafka, tcp",
        "networking.inbound[0].tags[\"a\"]: tag value must be non-empty",
        "networking.inbound[0].tags[\"kuma.io/service\"]: tag has to exist",
        "networking.outbound[0].port: port must be in the range [1, 65535]",
        "networking.outbound[0].address: address has to be valid IP address",
        "networking.outbound[0].tags: mandatory tag \"kuma.io/service\" is missing",
      ]),
  ]

  @Test("refusals", arguments: mismatches)
  func mismatch(_ row: Mismatch) async throws {
    let api = try await TestAPI.withMesh()
    let answer = await api.send(.put, row.path, row.body)
    #expect(answer.status == 400)
    #expect(answer.causes == row.causes)
    let causes = row.causes.map { cause in
      let field = cause.prefix { $0 != " " }.dropLast()
      return (String(field), String(cause.dropFirst(field.count + 2)))
    }
    #expect(
      answer.document.sortedByKey() == .error(400, row.title, "Resource is not valid", causes: causes),
      "both the older and the newer keys are there")
    #expect(try await api.store.everything().count == 1, "nothing was written")
  }

  @Test("the name in the body of an update is checked by the older rules") func nameOfAnUpdate() async throws {
    let api = try await TestAPI.withMesh()
    await api.putTrace("t")
    #expect(await api.send(.put, Self.item, TestAPI.trace("a_b")).causes == ["name: name \(Self.same)"])
    let answer = await api.send(.put, Self.item, TestAPI.trace("A b"))
    #expect(answer.causes == ["name: name \(Self.same)", "name: \(Self.oldCharacters)"])
  }

  @Test("names that exist already are left in peace") func olderNames() async throws {
    let api = try await TestAPI.withMesh()
    try await api.store.put(.trafficTrace("older_name", mesh: "shop"))
    let path = "/meshes/shop/traffic-traces/older_name"
    #expect(await api.send(.put, path, TestAPI.trace("older_name")).status == 200)
  }

  @Test(
    "a mesh that does not exist",
    arguments: [
      (HTTPRequest.Method.get, "/meshes/absent/traffic-traces"), (.get, "/meshes/absent/traffic-traces/t"),
      (.put, "/meshes/absent/traffic-traces/t"), (.delete, "/meshes/absent/traffic-traces/t"),
      (.get, "/meshes/absent/dataplanes"), (.put, "/meshes/absent/dataplanes/d"),
      (.get, "/meshes/absent/dataplanes/_overview"), (.get, "/meshes/absent/service-insights"),
    ])
  func absentMesh(method: HTTPRequest.Method, path: String) async {
    let body = method == .put ? TestAPI.trace("t", mesh: "absent") : nil
    let answer = await TestAPI().send(method, path, body)
    #expect(answer.document.sortedByKey() == .error(404, "Failed to retrieve Mesh", "Not found"))
    #expect(answer.status == 404)
  }

  @Test("a mesh with proxies stays; without them it takes its policies along") func meshDeletion() async throws {
    let api = try await TestAPI.withMesh()
    await api.putTrace("t")
    await api.putProxy("d", service: "web")
    let refused = await api.send(.delete, "/meshes/shop")
    #expect(refused.status == 400)
    #expect(
      refused.document.sortedByKey()
        == .error(
          400, "Could not delete a resource", "Resource is not valid",
          causes: [("mesh", "unable to delete mesh, there are still some dataplanes attached")]))
    #expect(try await api.store.everything().count == 3)
    #expect(await api.send(.delete, "/meshes/shop/dataplanes/d").status == 200)
    #expect(await api.send(.delete, "/meshes/shop").status == 200)
    #expect(try await api.store.everything().isEmpty)
  }

  @Test("the zone's tag is the control plane's", arguments: ["", #","kuma.io/zone":"elsewhere""#])
  func zone(tag: String) async throws {
    let api = try await TestAPI.withMesh()
    await api.putProxy("d", service: "web", tags: tag)
    await api.putProxy("g", networking: TestAPI.gateway)
    let proxy = await api.get("/meshes/shop/dataplanes/d").document["networking"]
    #expect(proxy?["inbound"]?.array?[0]["tags"] == ["kuma.io/service": "web", "kuma.io/zone": "default"])
    let gateway = await api.get("/meshes/shop/dataplanes/g").document["networking"]
    #expect(gateway?["gateway"]?["tags"] == ["kuma.io/service": "edge", "kuma.io/zone": "default"])
  }

  // MARK: Bodies that cannot be read

  struct Unreadable: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var body: [UInt8]
    var detail: String

    init(_ name: String, _ body: String, _ detail: String = "") {
      self.init(name, bytes: Array(body.utf8), detail)
    }

    init(_ name: String, bytes: [UInt8], _ detail: String = "") {
      testDescription = name
      body = bytes
      self.detail = detail
    }
  }

  static let unreadableBodies = [
    Unreadable("nothing", "", "the body is empty"),
    Unreadable("an object that is cut", #"{"type":"TrafficTrace","#),
    Unreadable("text that is cut", #"{"type":"Traf"#),
    Unreadable("YAML", "type: TrafficTrace\nname: t\n"),
    Unreadable("something behind the object", TestAPI.trace("t") + "x"),
    Unreadable("a comma too many", #"{"type":"TrafficTrace",}"#),
    Unreadable("a list", "[]", "the document has to be an object, not array"),
    Unreadable("text", "\"t\"", "the document has to be an object, not string"),
    Unreadable("a number", "1", "the document has to be an object, not number"),
    Unreadable("bytes that are no text", bytes: [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    Unreadable("a lone surrogate", #"{"type":"\ud800"}"#),
    Unreadable("lists without end", String(repeating: "[", count: 1_000_000)),
    Unreadable("objects without end", String(repeating: #"{"a":"#, count: 500_000)),
    Unreadable(
      "deep, but whole",
      #"{"type":"TrafficTrace","a":"# + String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000) + "}"),
    Unreadable("a type that is no text", #"{"type":1}"#, "type has to be text, not number"),
    Unreadable("a name that is no text", #"{"type":"TrafficTrace","name":1}"#, "name has to be text, not number"),
    Unreadable(
      "selectors that are no list", #"{"type":"TrafficTrace","selectors":{}}"#, "selectors has to be a list, not object"
    ),
    Unreadable(
      "a tag that is no text", #"{"type":"TrafficTrace","selectors":[{"match":{"a":1}}]}"#,
      "selectors[0].match[\"a\"] has to be text in quotes, not number"),
    Unreadable(
      "conf that is no object", #"{"type":"TrafficTrace","conf":"x"}"#, "conf has to be an object, not string"),
  ]

  @Test("bodies that cannot be read", arguments: unreadableBodies)
  func unreadable(_ row: Unreadable) async throws {
    let api = try await TestAPI.withMesh()
    let answer = await api.send(.put, Self.item, bytes: row.body)
    #expect(answer.status == 400)
    #expect(answer.title == "Bad Request")
    let detail = try #require(answer.detail)
    #expect(detail.hasPrefix("invalid TrafficTrace object: \""))
    #expect(detail.hasSuffix("\""))
    if !row.detail.isEmpty {
      #expect(detail == "invalid TrafficTrace object: " + DocumentValue.string(row.detail).json())
    }
    #expect(answer.document["details"] == answer.document["detail"])
    #expect(answer.causes.isEmpty)
    #expect(try await api.store.everything().count == 1)
  }

  @Test("a body that says null counts as one that says nothing") func null() async throws {
    let answer = await TestAPI().send(.put, "/meshes/m", "null")
    #expect(answer.status == 400)
    #expect(answer.title == "Could not process a resource")
    #expect(answer.causes == ["name: name \(Self.same)", "type: type \(Self.same)", "name: cannot be empty"])
  }

  @Test("samples of the documentation are accepted, the one with the misspelt backend too") func samples() async {
    let api = TestAPI()
    let mesh = #"""
      {"type":"Mesh","name":"default","tracing":{"defaultBackend":"jaeger-collector","backends":[
        {"name":"jaeger-collector","type":"zipkin","sampling":100.0,
         "conf":{"url":"http://jaeger-collector.kuma-tracing:9411/api/v2/spans"}}]}}
      """#
    #expect(await api.send(.put, "/meshes/default", mesh).status == 201)
    #expect(await api.send(.put, "/meshes/default", mesh).status == 200)
    let path = "/meshes/default/traffic-traces/trace-all-traffic"
    let trace = TestAPI.trace("trace-all-traffic", backend: "jager-collector", mesh: "default")
    #expect(await api.send(.put, path, trace).status == 201)
    #expect(await api.send(.put, path, trace).status == 200)
    #expect(await api.get(path).document["conf"] == ["backend": "jager-collector"])
  }
}
