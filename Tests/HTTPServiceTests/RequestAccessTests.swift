import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import Testing

@testable import HTTPService

@Suite("Who may send a request", .timeLimit(.minutes(15)))
struct RequestAccessTests: HTTPServerTesting {
  /// Lets those in who send the password in clear.
  private struct Password: RequestAccess {
    func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision {
      guard request.headerFields[.authorization] == "open sesame" else {
        return .refused(.text("authenticate\n", .unauthorized), reason: "the password is wrong")
      }
      var caller = caller
      (caller.name, caller.groups) = ("ali", ["thieves"])
      return .allowed(caller)
    }
  }

  private func service(_ requests: Requests, _ log: LogRecorder) -> RequestService {
    var service = service(requests: requests)
    service.logger = log.logger(.info)
    service.access = Password()
    let responder = service.responder
    service.responder = { request, body, caller in
      _ = await responder(request, body, caller)
      return .text("\(caller.name) of \(caller.groups) from \(caller.address ?? "") \(caller.isLoopback)")
    }
    return service
  }

  @Test("a request that is let in reaches the responder with the name and groups of its sender")
  func allowed() async throws {
    let requests = Requests()
    try await serving(service(requests, LogRecorder())) { port in
      let answer = try await exchange(port, get("/", "host: localhost\r\nauthorization: open sesame\r\n"))
      #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("ali of [\"thieves\"] from 127.0.0.1 true"))
    }
    #expect(requests.all == ["GET / 0"])
  }

  @Test("a refused request never reaches the responder, and its reason is in the log and not in the answer")
  func refused() async throws {
    let (requests, log) = (Requests(), LogRecorder())
    let service = service(requests, log)
    try await serving(service) { port in
      let first = try await exchange(port, get("/secret?token=123"))
      #expect(first.hasPrefix("HTTP/1.1 401 ") && first.hasSuffix("authenticate\n"))
      #expect(!first.contains("wrong"))
      let second = try await exchange(port, get("/", "host: localhost\r\nauthorization: open barley\r\n"))
      #expect(second.hasPrefix("HTTP/1.1 401 "))
    }
    #expect(requests.all.isEmpty)
    #expect(service.counts[.access] == 2)
    // The same reason has one line a minute.
    let lines = log.lines.filter { $0.message == "the server refused access" }
    #expect(lines.map(\.metadata["reason"]) == ["the password is wrong"])
    #expect(lines.first?.metadata["operation"] == "GET /secret" && lines.first?.metadata["remote"] == "127.0.0.1")
  }

  @Test(
    "the body of a refused request is not received, and a refused request without a body leaves the connection open")
  func bodies() async throws {
    let requests = Requests()
    try await serving(service(requests, LogRecorder())) { port in
      let unsent = try await RawConnection(port: port)
      unsent.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\nexpect: 100-continue\r\n\r\n")
      try await eventually { unsent.isClosed }
      #expect(unsent.text.hasPrefix("HTTP/1.1 401 "))
      let chunked = try await exchange(
        port, "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
      #expect(chunked.hasPrefix("HTTP/1.1 401 "))
      let twice = try await exchange(
        port, get("/", close: false) + get("/", "host: localhost\r\nauthorization: open sesame\r\n"))
      #expect(twice.components("HTTP/1.1 401 ") == 1 && twice.components("HTTP/1.1 200 ") == 1)
    }
    #expect(requests.all == ["GET / 0"])
  }

  @Test("a refused report is thrown away as it arrives, and the next one uses the same connection")
  func discarded() async throws {
    let requests = Requests()
    let service = service(requests, LogRecorder())
    try await serving(service) { port in
      let report = String(repeating: "a", count: 900)
      let answers = try await exchange(
        port,
        post(report, close: false) + post(report, close: false) + post(report, "authorization: open sesame\r\n"))
      #expect(answers.components("HTTP/1.1 401 ") == 2 && answers.components("HTTP/1.1 200 ") == 1)
      #expect(service.bodies.usage.peak == 900)
      let large = try await exchange(
        port, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(RequestService.discardedBodyLimit + 1)\r\n\r\n")
      #expect(large.hasPrefix("HTTP/1.1 401 ") && large.lowercased().contains("connection: close"))
    }
    #expect(requests.all == ["POST / 900"])
  }

  @Test("a request may have a smaller limit for its body, announced or not")
  func smallerBodies() async throws {
    let requests = Requests()
    var service = service(requests: requests)
    service.smallerBodyLimit = { $0.path == "/small" ? 10 : nil }
    try await serving(service) { port in
      for (path, body, status) in [
        ("/small", "0123456789", 200), ("/small", "0123456789a", 413), ("/", "0123456789a", 200),
      ] {
        let head = "POST \(path) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        for message in [
          "content-length: \(body.utf8.count)\r\n\r\n\(body)",
          "transfer-encoding: chunked\r\n\r\n\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n",
        ] {
          let answer = try await exchange(port, head + message)
          #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(path) \(body)")
        }
      }
    }
    #expect(requests.all.count == 4)
  }

  @Test("an answer that refuses says why in the log alone")
  func refusalReason() async throws {
    let log = LogRecorder()
    var service = service()
    service.logger = log.logger(.info)
    service.responder = { _, _, _ in
      var answer = Answer.text("no\n", .unauthorized)
      answer.refusalReason = "the token is stale"
      return answer
    }
    try await serving(service) { [service] port in
      let answer = try await exchange(port, get())
      #expect(answer.hasPrefix("HTTP/1.1 401 ") && !answer.contains("stale"))
      #expect(service.counts[.access] == 1)
    }
    #expect(log.lines.map(\.metadata["reason"]) == ["the token is stale"])
  }

  @Test("the preflight request of an allowed page needs no credentials, and its refused request has the fields of CORS")
  func pages() async throws {
    try await serving(service(Requests(), LogRecorder())) { port in
      let origin = "host: localhost\r\norigin: http://a.example\r\n"
      let preflight = try await exchange(
        port,
        "OPTIONS / HTTP/1.1\r\n\(origin)access-control-request-method: POST\r\nconnection: close\r\n\r\n")
      #expect(preflight.hasPrefix("HTTP/1.1 204 "))
      let request = try await exchange(port, get("/", origin))
      #expect(request.hasPrefix("HTTP/1.1 401 "))
      #expect(request.lowercased().contains("access-control-allow-origin: http://a.example"))
    }
  }

  @Test("each reason has one line a minute, and all reasons together have sixty")
  func lines() {
    let log = LogRecorder()
    let refusals = RefusalLog(server: "test")
    let start = ContinuousClock.now
    for round in 0..<3 {
      for reason in 0..<100 {
        refusals.note(
          "reason \(reason)", operation: "GET /", caller: .local, to: log.logger(.info),
          at: start + .seconds(round))
      }
    }
    #expect(log.lines.count == RefusalLog.linesPerMinute)
    refusals.note("reason 0", operation: "GET /", caller: .local, to: log.logger(.info), at: start + .seconds(61))
    #expect(log.lines.count == RefusalLog.linesPerMinute + 1)
    #expect(log.lines.last?.metadata["unlogged"] == "240")
  }

  @Test(
    "addresses of the loopback interface are known in every form",
    arguments: [
      ("127.0.0.1", true), ("127.9.8.7", true), ("::1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
      ("10.0.0.1", false), ("0.0.0.0", false), ("::", false), ("::2", false), ("::ffff:10.0.0.1", false),
      ("::127.0.0.1", false), ("fe80::1", false), ("127::1", false),
    ])
  func loopback(address: String, isLoopback: Bool) throws {
    #expect(try SocketAddress(ipAddress: address, port: 1).isLoopback == isLoopback)
  }
}
