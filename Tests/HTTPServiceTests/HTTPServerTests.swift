import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import HTTPService

@Suite("HTTP server", .timeLimit(.minutes(15)))
struct HTTPServerTests: HTTPServerTesting {
  // MARK: Requests and answers

  @Test("requests are answered one after the other, also those that come together")
  func pipelining() async throws {
    try await serving(service()) { port in
      let answer = try await exchange(port, get("/1", close: false) + post("abc", close: false) + get("/3"))
      #expect(answer.components("HTTP/1.1 200 OK") == 3)
      #expect(answer.contains("localhost 3 bytes") && answer.hasSuffix("localhost 0 bytes"))
      #expect(answer.contains("\r\nDate: ") && answer.contains("\r\nContent-Length: 17\r\n"))
    }
  }

  @Test("an answer to HEAD has no body but its length")
  func head() async throws {
    try await serving(service()) { port in
      let answer = try await exchange(port, "HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nContent-Length: 17\r\n"))
      #expect(answer.hasSuffix("\r\n\r\n") && !answer.contains("bytes"))
    }
  }

  @Test("a request without a host is served under the address that it came to; two hosts are refused")
  func hosts() async throws {
    try await serving(service()) { port in
      #expect(try await exchange(port, get("/", "")).hasSuffix("127.0.0.1:\(port) 0 bytes"))
      let two = try await exchange(port, get("/", "host: localhost\r\nhost: evil.example\r\n"))
      #expect(two.hasPrefix("HTTP/1.1 400 ") && two.contains("it has two Host fields"))
    }
  }

  @Test("what is not HTTP and a head that is too large are refused with a message")
  func malformed() async throws {
    try await serving(service(heads: 200_000)) { port in
      let nonsense = try await exchange(port, "nonsense\r\n\r\n")
      #expect(nonsense.hasPrefix("HTTP/1.1 400 ") && nonsense.contains("not valid HTTP/1.1"))
      let field = "x: \(String(repeating: "x", count: 45_000))\r\n"
      let large = try await exchange(port, get("/", "host: localhost\r\n\(field)y\(field)"))
      #expect(large.hasPrefix("HTTP/1.1 431 "))
    }
  }

  @Test("a connection whose encryption cannot be set up is closed, and the next one is served")
  func failedEncryption() async throws {
    struct NoCertificate: Error, TLSSource {
      func context() throws -> NIOSSLContext { throw self }
    }
    let service = service(connections: 1)
    try await serving(service, encryption: Encryption(tls: NoCertificate(), plaintext: .allowed)) { port in
      for _ in 0..<2 { #expect(try await exchange(port, "\u{16}\u{3}\u{1}") == "") }
      try await eventually { service.connections.count == 0 }
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
  }

  // MARK: Who comes

  @Test("strange hosts and pages are refused before anybody reads the request, allowed pages are told so")
  func callers() async throws {
    let requests = Requests()
    let service = service(requests: requests)
    try await serving(service) { port in
      let host = try await exchange(port, get("/", "host: evil.example\r\n"))
      #expect(host.hasPrefix("HTTP/1.1 403 ") && host.contains("\"evil.example\""))
      let page = try await exchange(port, post("a", "origin: http://evil.example\r\ncontent-type: text/plain\r\n"))
      #expect(page.hasPrefix("HTTP/1.1 403 ") && page.contains("\"http://evil.example\""))
      #expect(!page.contains("Access-Control-Allow-Origin"))
      let site = try await exchange(port, post("a", "sec-fetch-site: cross-site\r\n"))
      #expect(site.hasPrefix("HTTP/1.1 403 "))
      #expect(requests.all == [])
      let allowed = try await exchange(port, post("a", "origin: http://a.example\r\n"))
      #expect(
        allowed.hasPrefix("HTTP/1.1 200 ") && allowed.contains("Access-Control-Allow-Origin: http://a.example\r\n"))
      let question = try await exchange(
        port,
        "OPTIONS / HTTP/1.1\r\nhost: localhost\r\norigin: http://a.example\r\naccess-control-request-method: POST\r\n"
          + "connection: close\r\n\r\n")
      #expect(question.hasPrefix("HTTP/1.1 204 ") && question.contains("Access-Control-Allow-Methods: GET, HEAD, POST"))
      #expect(requests.all == ["POST / 1"])
    }
    #expect(service.counts[.foreignHost] == 1 && service.counts[.foreignPage] == 2)
  }

  // MARK: Bodies

  @Test("a body that is announced too large is refused before it comes, one that turns out so when it does")
  func bodyLimit() async throws {
    let requests = Requests()
    let service = service(requests: requests)
    try await serving(service) { port in
      for fields in ["", "expect: 100-continue\r\n"] {
        let announced = try await exchange(
          port, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000000\r\n\(fields)\r\n")
        #expect(announced.hasPrefix("HTTP/1.1 413 ") && announced.contains("larger than 1000 bytes"))
        #expect(announced.contains("\r\nConnection: close\r\n"))
      }
      let chunked = try await exchange(
        port,
        "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n"
          + String(repeating: "x", count: 1_001) + "\r\n0\r\n\r\n")
      #expect(chunked.hasPrefix("HTTP/1.1 413 "))
    }
    #expect(requests.all == [] && service.counts[.tooLarge] == 3 && service.bodies.usage.bytes == 0)
  }

  @Test("who asks whether to go on is told so at once, and what else is expected is refused")
  func expectation() async throws {
    try await serving(service()) { port in
      let connection = try await RawConnection(port: port)
      connection.send(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\nexpect: 100-Continue\r\nconnection: close\r\n\r\n")
      try await eventually { connection.text == "HTTP/1.1 100 Continue\r\n\r\n" }
      connection.send("abc")
      try await eventually { connection.isClosed }
      #expect(connection.text.hasSuffix("localhost 3 bytes"))
      #expect(try await exchange(port, post("a", "expect: a-miracle\r\n")).hasPrefix("HTTP/1.1 417 "))
      let old = try await exchange(
        port, "POST / HTTP/1.0\r\nhost: localhost\r\ncontent-length: 1\r\nexpect: 100-continue\r\n\r\na")
      #expect(old.hasPrefix("HTTP/1.0 200 ") && !old.contains("100 Continue"))
    }
  }

  @Test("bodies that are half there hold what they have sent; the newest is refused, and everything is given back")
  func bodyBudget() async throws {
    let requests = Requests()
    let service = service(bodyLimit: 50_000, budget: 100_000, requests: requests)
    try await serving(service) { port in
      // Three senders of 49,000 bytes that never send the last one.
      var senders: [RawConnection] = []
      for _ in 0..<2 {
        let sender = try await RawConnection(port: port)
        sender.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 49001\r\n\r\n")
        sender.send(String(repeating: "x", count: 49_000))
        senders.append(sender)
      }
      try await eventually { service.bodies.usage.bytes == 98_000 }
      let third = try await exchange(
        port,
        "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n"
          + String(repeating: "x", count: 3_000) + "\r\n")
      #expect(third.hasPrefix("HTTP/1.1 503 ") && third.contains("Retry-After: 1\r\n"))
      #expect(third.contains("The server is receiving too many requests"))
      // Whoever announces more than there is room for need not send it.
      let asked = try await exchange(
        port, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3000\r\nexpect: 100-continue\r\n\r\n")
      #expect(asked.hasPrefix("HTTP/1.1 503 "))
      // Small requests are answered as ever.
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 "))
      #expect(try await exchange(port, post("abc")).hasPrefix("HTTP/1.1 200 "))
      senders[0].send("x")
      try await eventually { senders[0].text.contains("49001 bytes") }
      for sender in senders { sender.close() }
      try await eventually { service.bodies.usage.bytes == 0 && service.heads.usage.bytes == 0 }
    }
    #expect(service.bodies.usage.peak <= 100_000 && service.counts[.overloaded] == 2)
  }

  @Test("heads that are half there are counted too")
  func headBudget() async throws {
    let service = service()
    try await serving(service) { port in
      var senders: [RawConnection] = []
      for _ in 0..<10 {
        let sender = try await RawConnection(port: port)
        sender.send("GET / HTTP/1.1\r\nhost: localhost\r\nx: \(String(repeating: "x", count: 10_000))")
        senders.append(sender)
      }
      try await eventually { senders.count(where: \.isClosed) >= 5 }
      #expect(service.heads.usage.peak <= 50_000)
      let refused = senders.filter(\.isClosed)
      #expect(refused.allSatisfy { $0.text.isEmpty || $0.text.hasPrefix("HTTP/1.1 503 ") })
      for sender in senders { sender.close() }
      try await eventually { service.heads.usage.bytes == 0 }
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 "))
    }
  }
}
