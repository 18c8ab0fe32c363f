import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshClient

@Suite("The client of a control plane")
struct ControlPlaneClientTests {
  private static let policy =
    #"{"type":"TrafficTrace","mesh":"default","name":"all","creationTime":"2024-01-01T00:00:00Z","#
    + #""selectors":[{"match":{"kuma.io/service":"*"}}],"conf":{"backend":"jaeger"}}"#

  private func client(_ base: String, _ settings: ControlPlaneClient.Settings = .init()) throws -> ControlPlaneClient {
    ControlPlaneClient(address: try ControlPlaneAddress(base), settings: settings)
  }

  @Test("reads a resource")
  func get() async throws {
    let answers = ["GET /meshes/default/traffic-traces/all": (200, Self.policy)]
    try await LoopbackServer.run(LoopbackServer.answering(answers)) { base in
      let key = ResourceKey(type: .trafficTrace, mesh: "default", name: "all")
      let resource = try await client(base).get(key)
      #expect(resource.key == key)
      #expect(resource.content(TrafficTrace.self)?.backend == "jaeger")
      #expect(resource.creationTime == Timestamp("2024-01-01T00:00:00Z"))
    }
  }

  @Test("says that a resource is not there")
  func notFound() async throws {
    try await LoopbackServer.run(LoopbackServer.answering([:])) { base in
      let error = await #expect(throws: ControlPlaneError.self) {
        try await client(base).get(ResourceKey(type: .mesh, name: "none"))
      }
      #expect(error?.code == .notFound)
      #expect(error?.description == "Could not retrieve a resource (Not found)")
    }
  }

  @Test("follows the pages of a list, and stops when they lead nowhere")
  func pages() async throws {
    func page(_ name: String, _ next: String) -> (Int, String) {
      (200, #"{"total":3,"items":[{"type":"Mesh","name":"\#(name)"}],"next":\#(next)}"#)
    }
    let path = "GET /meshes?"
    let answers = [
      path + "size=1000": page("a", #""http://elsewhere/meshes?offset=1&size=1000""#),
      path + "offset=1&size=1000": page("b", #""http://elsewhere/meshes?size=1000&offset=2""#),
      path + "offset=2&size=1000": page("c", #""http://elsewhere/meshes?offset=2&size=1000""#),
    ]
    try await LoopbackServer.run(LoopbackServer.answering(answers)) { base in
      let all = try await client(base).all(.mesh, mesh: nil)
      #expect(all.map(\.name) == ["a", "b", "c"])
    }
  }

  @Test("asks for a part of a list and says where the next one begins")
  func part() async throws {
    let next = #""http://x/meshes/eu%20west/traffic-traces?offset=2&size=1""#
    let answers = [
      "GET /meshes/eu%20west/traffic-traces?offset=1&size=1": (200, #"{"total":5,"items":[],"next":\#(next)}"#)
    ]
    try await LoopbackServer.run(LoopbackServer.answering(answers)) { base in
      let page = try await client(base).list(
        .trafficTrace, mesh: "eu west", page: PageRequest(size: 1, offset: "1"))
      #expect(page.total == 5)
      #expect(page.nextOffset == "2")
      #expect(page.items.isEmpty)
    }
  }

  @Test("writes a resource with its headers and hands on the warnings")
  func put() async throws {
    let seen = Mutex<[(HTTPRequest, [UInt8])]>([])
    let responder: LoopbackServer.Responder = { request, body in
      seen.withLock { $0.append((request, body)) }
      return (HTTPResponse(status: .created), Array(#"{"warnings":["one","two"]}"#.utf8))
    }
    let policy = try ResourceDocument(DocumentValue(json: Self.policy.utf8)).resource
    let outcome = try await LoopbackServer.run(responder) { base in
      try await client(base, .init(headers: [("X-Team", "mesh")])).put(policy)
    }
    #expect(outcome == WriteOutcome(isCreated: true, warnings: ["one", "two"]))
    let (request, body) = try #require(seen.withLock { $0.first })
    #expect(request.method == .put)
    #expect(request.path == "/meshes/default/traffic-traces/all")
    #expect(request.headerFields[.contentType] == "application/json")
    #expect(request.headerFields[try #require(HTTPField.Name("X-Team"))] == "mesh")
    #expect(try DocumentValue(json: body)["conf"]?["backend"] == "jaeger")
  }

  @Test("takes an empty answer to a write for one without warnings", arguments: [(200, ""), (200, "{}"), (201, "ok")])
  func quiet(status: Int, body: String) async throws {
    let answers = ["PUT /meshes/a": (status, body)]
    let outcome = try await LoopbackServer.run(LoopbackServer.answering(answers)) { base in
      try await client(base).put(Resource(name: "a", spec: .mesh(Mesh())))
    }
    #expect(outcome == WriteOutcome(isCreated: status == 201, warnings: []))
  }

  @Test("names the address and the reason when nothing answers")
  func unreachable() async throws {
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let base = "http://127.0.0.1:\(occupied.number)"
    let error = await #expect(throws: ControlPlaneError.self) { try await client(base).index() }
    #expect(error?.code == .unreachable)
    let text = error?.description ?? ""
    #expect(text.contains("Get \"\(base)/\""))
    #expect(text.contains("connection refused"))
    #expect(error?.reason == "connection refused")
    #expect(error?.address?.description == base)
    #expect(!text.contains("\n"))
  }

  @Test("reports that a port does not use TLS, without the words of the library")
  func plaintext() async throws {
    try await LoopbackServer.run(LoopbackServer.answering([:])) { base in
      let address = base.replacing("http://", with: "https://")
      // On a busy machine the port may not answer in time at first.
      let error = try await eventually("an error that is not about time") {
        let error = await #expect(throws: ControlPlaneError.self) { try await client(address).index() }
        return error?.code == .unreachable ? nil : error
      }
      #expect(error.code == .plaintext)
      #expect(error.reason == "the port does not use TLS")
      let text = error.description
      #expect(text.hasSuffix(": the port does not use TLS"), "\(text)")
    }
  }

  @Test("says in words what is wrong with files of certificates and keys")
  func unreadableCertificates() async throws {
    func message(_ settings: ControlPlaneClient.Settings) async -> String? {
      let error = await #expect(throws: ControlPlaneError.self) {
        try await client("https://127.0.0.1:1", settings).index()
      }
      return error?.description
    }
    #expect(
      await message(.init(caCertificates: "no certificate"))
        == "the CA certificate cannot be read as PEM: it contains no certificate")
    #expect(
      await message(.init(caFile: "/nowhere/ca.pem"))
        == "the CA certificate file cannot be read: open /nowhere/ca.pem: no such file or directory")
  }

  @Test("gives up when the answer takes too long")
  func timeout() async throws {
    let responder: LoopbackServer.Responder = { _, _ in
      // Waits for what never comes, until the end of the test cancels the server.
      let (never, continuation) = AsyncStream.makeStream(of: Void.self)
      for await _ in never {}
      continuation.finish()
      return (HTTPResponse(status: .ok), [])
    }
    try await LoopbackServer.run(responder) { base in
      let error = await #expect(throws: ControlPlaneError.self) {
        try await client(base, .init(timeout: .seconds(3))).index()
      }
      #expect(error?.code == .timedOut)
    }
  }

  @Test("gives up when an answer begins and does not end, and closes the connection")
  func drips() async throws {
    let bytes = Mutex(0)
    let ends = Mutex(0)
    try await LoopbackServer.runDripping {
      bytes.withLock { $0 += 1 }
    } onEnd: {
      ends.withLock { $0 += 1 }
    } _: { base in
      // While other tests keep the processors busy, even the head of an answer may take longer than a short time limit.
      var status: Int?
      var reason: String?
      for limit in [1, 8, 64] where status == nil {
        let seen = Mutex<Int?>(nil)
        let settings = ControlPlaneClient.Settings(
          timeout: .seconds(limit), observer: { exchange in seen.withLock { $0 = exchange.status } })
        let error = await #expect(throws: ControlPlaneError.self) { try await client(base, settings).index() }
        #expect(error?.code == .timedOut)
        status = seen.withLock { $0 }
        reason = error?.reason
      }
      #expect(status == 200)
      #expect(reason?.hasPrefix("the answer has not ended within ") == true)
      try await eventually("the end of the connection") { ends.withLock { $0 > 0 } }
      #expect(bytes.withLock { $0 } > 1)
      let failure = await #expect(throws: RemoteText.Failure.self) {
        try await RemoteText.fetch("\(base)/a.yaml", timeout: .seconds(1))
      }
      #expect(failure?.description == "Get \"\(base)/a.yaml\": no answer within 1 s")
      try await eventually("the end of the second connection") { ends.withLock { $0 > 1 } }
    }
  }

  @Test(
    "does not take another server for a control plane",
    arguments: [(200, "<html></html>"), (200, "{}"), (200, "[]"), (204, "")])
  func foreign(status: Int, body: String) async throws {
    try await LoopbackServer.run(LoopbackServer.answering(["GET /": (status, body)])) { base in
      let error = await #expect(throws: ControlPlaneError.self) { try await client(base).index() }
      #expect(error?.code == .unexpectedAnswer)
      #expect(error?.description.contains(base) == true)
    }
  }

  @Test("says which certificate file cannot be read, before anything is sent")
  func certificates() async throws {
    for settings in [
      ControlPlaneClient.Settings(caFile: "/nonexistent/ca.pem"),
      ControlPlaneClient.Settings(clientCertificate: ("/nonexistent/ca.pem", "/nonexistent/key.pem")),
    ] {
      let error = await #expect(throws: ControlPlaneError.self) {
        try await client("https://127.0.0.1:1", settings).index()
      }
      #expect(error?.code == .invalidCredentials)
      #expect(error?.description.contains("/nonexistent/ca.pem") == true)
    }
  }

  @Test("fetches text from an address, and only from one that has it")
  func remoteText() async throws {
    let answers = ["GET /a.yaml": (200, "type: Mesh\n"), "GET /empty": (204, "")]
    try await LoopbackServer.run(LoopbackServer.answering(answers)) { base in
      let text = try await RemoteText.fetch("\(base)/a.yaml", timeout: .seconds(60))
      #expect(text == Array("type: Mesh\n".utf8))
      for path in ["missing.yaml", "empty"] {
        let failure = await #expect(throws: RemoteText.Failure.self) {
          try await RemoteText.fetch("\(base)/\(path)", timeout: .seconds(60))
        }
        #expect(failure?.description.contains("\(base)/\(path)") == true)
      }
    }
  }
}
