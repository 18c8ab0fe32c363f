import HTTPTypes
import Logging
import MeshTestSupport
import Testing

@testable import HTTPService

@Suite("Requests in logs and counters", .timeLimit(.minutes(15)))
struct RequestLogTests: HTTPServerTesting {
  /// A service whose log is kept from a level on.
  private func service(_ level: Logger.Level, _ log: LogRecorder) -> RequestService {
    var service = service()
    service.logger = log.logger(level)
    let responder = service.responder
    service.responder = { request, body, caller in
      var answer = await responder(request, body, caller)
      if request.path == "/known?x=1" { answer.operation = "GET /known" }
      return answer
    }
    return service
  }

  @Test("each request is a line with the id of the client or a new one, which the answer has too")
  func lines() async throws {
    let log = LogRecorder()
    let service = service(.debug, log)
    try await serving(service) { port in
      let given = try await exchange(port, get("/known?x=1", "host: localhost\r\nx-request-id: abc-1\r\n"))
      #expect(given.contains("\r\nX-Request-Id: abc-1\r\n"))
      _ = try await exchange(port, post("abc"))
      let refused = try await exchange(port, get("/", "host: evil.example\r\n"))
      #expect(refused.hasPrefix("HTTP/1.1 403 ") && refused.contains("\r\nX-Request-Id: "))
    }
    let all = log.lines.filter { $0.message == "request" }.map(\.metadata)
    #expect(all.map { $0["status"] } == ["200", "200", "403"])
    #expect(all.map { $0["method"] } == ["GET", "POST", "GET"])
    #expect(all.map { $0["path"] } == ["/known?x=1", "/", "/"])
    #expect(all.first?["id"] == "abc-1" && all.first?["bytes"] == "17" && all.first?["server"] == "test")
    #expect(Set(all.compactMap { $0["id"] }).count == 3)
    #expect(all.allSatisfy { $0["remote"]?.hasPrefix("127.0.0.1:") == true && Double($0["milliseconds"] ?? "") != nil })
    #expect(
      service.counts.requests.map { "\($0.kind.operation) \($0.kind.status) \($0.count)" } == [
        "GET /known 200 1", "none 200 1", "none 403 1",
      ])
  }

  @Test("secrets in targets are in no line")
  func secrets() async throws {
    let log = LogRecorder()
    try await serving(service(.debug, log)) { port in
      _ = try await exchange(port, get("/a?access_token=s3cret&x=1", "host: localhost\r\n"))
      _ = try await exchange(port, get("/b?u=https%3A%2F%2Fada%3As3cret%40h%2F&x=1", "host: localhost\r\n"))
    }
    let paths = log.lines.filter { $0.message == "request" }.map { $0.metadata["path"] }
    #expect(paths == ["/a?access_token=REDACTED&x=1", "/b?u=https%3A%2F%2FREDACTED%40h%2F&x=1"])
  }

  @Test("without the level there is no line and no id in answers, but requests are counted")
  func silence() async throws {
    let log = LogRecorder()
    let service = service(.info, log)
    try await serving(service) { port in
      let answer = try await exchange(port, get("/", "host: localhost\r\nx-request-id: abc-1\r\n"))
      #expect(!answer.contains("X-Request-Id"))
    }
    #expect(!log.lines.contains { $0.message == "request" })
    #expect(service.counts.requests.map(\.count) == [1])
  }

  @Test("a request for a whole address is one for its path under its host")
  func wholeAddress() async throws {
    let requests = Requests()
    try await serving(service(requests: requests)) { port in
      let answer = try await exchange(port, get("http://localhost:\(port)/a?b=c", "host: other.example\r\n"))
      #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("localhost:\(port) 0 bytes"))
      let foreign = try await exchange(port, get("http://evil.example/a"))
      #expect(foreign.hasPrefix("HTTP/1.1 403 ") && foreign.contains("\"evil.example\""))
    }
    #expect(requests.all == ["GET /a?b=c 0"])
  }

  @Test(
    "the id of a request is the client's, if it may stand in a log",
    arguments: [
      ("7c0e2e3c-6b0a-4b0e-9c56-2f8f1c6a1e11", true), ("a", true), ("", false), ("a b", false), ("a\"b", false),
      ("ü", false), (String(repeating: "x", count: 129), false),
    ])
  func requestID(_ given: String, isTaken: Bool) throws {
    let name = try #require(HTTPField.Name("X-Request-Id"))
    let request = HTTPRequest(method: .get, scheme: nil, authority: nil, path: "/", headerFields: [name: given])
    let id = ReceivedRequest.id(of: request)
    #expect((id == given) == isTaken)
    if !isTaken { #expect(id.utf8.count == 16) }
  }
}
