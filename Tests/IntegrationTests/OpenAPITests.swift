import AsyncHTTPClient
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import OrderedCollections
import Testing

/// The description of the API against the running server with a running proxy.
@Suite(
  "The API's description", .fewAtATime, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct OpenAPITests {
  /// What is put for the parameters of paths.
  private struct Names {
    var mesh: String
    var proxy: String
    var policy: String
    var service: String

    static let present = Names(mesh: "default", proxy: "web", policy: "trace-all-traffic", service: "web")
    static let written = Names(mesh: "written", proxy: "written", policy: "written", service: "written")
    static let absent = Names(mesh: "absent", proxy: "absent", policy: "absent", service: "absent")

    func path(_ pattern: String) -> String {
      let name =
        pattern.contains("traffic-traces") ? policy : pattern.contains("service-insights") ? service : proxy
      return pattern.replacing("{mesh}", with: mesh).replacing("{name}", with: name)
        .replacing("{service}", with: service)
    }

    /// A resource that can be written there.
    func document(_ pattern: String) -> DocumentValue {
      switch pattern {
      case "/meshes/{mesh}": ["type": "Mesh", "name": .string(mesh)]
      case "/meshes/{mesh}/traffic-traces/{name}":
        [
          "type": "TrafficTrace", "mesh": .string(mesh), "name": .string(policy),
          "selectors": [["match": ["kuma.io/service": "*"]]],
        ]
      case "/meshes/{mesh}/secrets/{name}":
        ["type": "Secret", "mesh": .string(mesh), "name": .string(proxy), "data": "c2VjcmV0"]
      case "/global-secrets/{name}": ["type": "GlobalSecret", "name": .string(proxy), "data": "c2VjcmV0"]
      default:
        [
          "type": "Dataplane", "mesh": .string(mesh), "name": .string(proxy),
          "networking": ["address": "127.0.0.1", "inbound": [["port": 80, "tags": ["kuma.io/service": "written"]]]],
        ]
      }
    }
  }

  /// A running server with its description.
  private struct DescribedServer {
    let port: Int
    let paths: DocumentValue.Object

    init(port: Int) async throws {
      self.port = port
      let answer = try #require(try await HTTPProbe.get(port: port, "/openapi.yaml"))
      paths = try #require(try DocumentValue.yamlDocuments(answer.text).first?["paths"]?.object)
    }

    /// Sends a request and compares the answer's status and media type with those described.
    func check(
      _ method: String, _ pattern: String, _ path: String, body: DocumentValue? = nil, expected: Int? = nil,
      at base: String? = nil
    ) async throws {
      var request = HTTPClientRequest(url: (base ?? "http://127.0.0.1:\(port)") + path)
      request.method = HTTPMethod(rawValue: method.uppercased())
      if let body {
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: body.json()))
      }
      let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
      let content = try await answer.body.collect(upTo: 64 << 20)
      let status = Int(answer.status.code)
      let what: Testing.Comment = "\(method) \(path): \(status) \(String(buffer: content).prefix(300))"
      if let expected { #expect(status == expected, what) }
      guard let described = paths[pattern]?[method]?["responses"]?["\(status)"] else {
        Issue.record("the status is not described: \(what)")
        return
      }
      let types = described["content"]?.object?.keys.elements ?? []
      if content.readableBytes > 0 {
        #expect(types.contains(answer.headers.first(name: "content-type") ?? "none"), what)
      } else {
        #expect(["put", "delete"].contains(method) || [202, 204].contains(status), what)
      }
    }
  }

  @Test("every path of it answers as described, with resources and without") func description() async throws {
    try await TracingSystem.run { system in
      try await system.controlPlane.apply(
        TracingSystem.mesh(backends: [("b", system.embeddedURL)]) + "---\n" + TracingSystem.policy(backend: "b"))
      try await eventually("what is known of the proxy") {
        try await system.controlPlane.subscription(of: "web")?["status"]?["total"]?["responsesAcknowledged"] != nil
      }
      let server = try await DescribedServer(port: system.controlPlane.ports.api)
      #expect(server.paths.count > 30)
      try await Self.checkCollector(server)
      for pattern in ["/meshes/{mesh}/secrets/{name}", "/global-secrets/{name}"] {
        try await server.check(
          "put", pattern, Names.present.path(pattern), body: Names.present.document(pattern), expected: 201)
      }
      for (pattern, methods) in server.paths where methods["get"] != nil && methods["get"]?["servers"] == nil {
        try await server.check("get", pattern, Names.present.path(pattern), expected: 200)
        try await server.check("get", pattern, Names.absent.path(pattern))
        if methods["get"]?["parameters"]?.array?.contains(where: { $0["name"] == "size" }) == true {
          try await server.check("get", pattern, Names.present.path(pattern) + "?size=2000", expected: 400)
        }
      }
      for (pattern, methods) in server.paths where methods["post"] != nil && methods["post"]?["servers"] == nil {
        let body: DocumentValue =
          switch pattern {
          case "/tokens/dataplane": ["mesh": "default"]
          case "/tokens/user": ["name": "mia", "validFor": "1h"]
          default: ["resources": []]
          }
        try await server.check("post", pattern, pattern, body: body, expected: 200)
        try await server.check("post", pattern, pattern, body: ["resources": "none"], expected: 400)
      }
      let written = server.paths.filter { $0.value["put"] != nil }.keys
      #expect(written.count == 5)
      // The mesh comes first, and goes last.
      for pattern in written.sorted() {
        let path = Names.written.path(pattern)
        let document = Names.written.document(pattern)
        try await server.check("put", pattern, path, body: [:], expected: 400)
        try await server.check("put", pattern, path, body: document, expected: 201)
        try await server.check("put", pattern, path, body: document, expected: 200)
        guard pattern.hasPrefix("/meshes/{mesh}/") else { continue }
        try await server.check("put", pattern, Names.absent.path(pattern), body: Names.absent.document(pattern))
      }
      for pattern in written.sorted().reversed() {
        try await server.check("delete", pattern, Names.written.path(pattern), expected: 200)
        try await server.check("delete", pattern, Names.absent.path(pattern), expected: 404)
      }
    }
  }

  /// The collector's paths, at the ports that the description names.
  private static func checkCollector(_ server: DescribedServer) async throws {
    var bases: Set<String> = []
    for (pattern, methods) in server.paths {
      for (method, operation) in methods.object ?? [:] {
        for address in operation["servers"]?.array ?? [] {
          let base = try #require(address["url"]?.string)
          bases.insert(base)
          let examples = (operation["parameters"]?.array ?? []).compactMap { parameter in
            parameter["example"]?.string.map { "\(parameter["name"]?.string ?? "")=\($0)" }
          }
          let query = examples.isEmpty ? "" : "?" + examples.joined(separator: "&")
          if method == "post" {
            // Without spans, a file is refused, as it is to be looked at.
            let (body, expected): (DocumentValue, Int) =
              switch pattern {
              case "/v1/traces": (["resourceSpans": []], 200)
              case "/receiver/senders": (["authority": "zipkin:9411", "nodes": ["default.web"]], 200)
              case "/api/trees", "/login": ([], 400)
              case "/logout": ([], 204)
              default: ([], 202)
              }
            try await server.check(method, pattern, pattern, body: body, expected: expected, at: base)
            guard pattern != "/logout" else { continue }
            try await server.check(
              method, pattern, pattern, body: ["resourceSpans": "none"], expected: pattern == "/logout" ? 204 : 400,
              at: base)
          } else {
            let isOne = pattern.contains("{id}")
            let path = pattern.replacing("{id}", with: "abc") + query
            try await server.check(method, pattern, path, expected: isOne ? 404 : 200, at: base)
          }
        }
      }
    }
    // Zipkin's port and OpenTelemetry's.
    #expect(bases.count == 2)
  }
}
