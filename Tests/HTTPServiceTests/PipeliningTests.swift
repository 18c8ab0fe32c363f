import HTTPTypes
import MeshTestSupport
import Synchronization
import Testing

@testable import HTTPService

@Suite("Requests that come before the answer to the last one", .timeLimit(.minutes(15)))
struct PipeliningTests: HTTPServerTesting {
  @Test("are answered one after the other, in their order, with bodies and without")
  func order() async throws {
    let requests = Requests()
    let body = String(repeating: "x", count: 700)
    let chunked = "POST /chunked HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    try await serving(service(requests: requests)) { port in
      let connection = try await RawConnection(port: port)
      var (text, expected) = ("", [String]())
      for index in 0..<200 {
        switch index % 4 {
        case 0:
          text += post(body, close: false)
          expected.append("POST / 700")
        case 1:
          text += chunked
          expected.append("POST /chunked 3")
        case 2:
          // More than a read, and blank lines, which are allowed before a request.
          text += "\r\n\r\n" + get("/\(index)?" + String(repeating: "q", count: 600), close: false)
          expected.append("GET /\(index)?\(String(repeating: "q", count: 600)) 0")
        default:
          text += get("/\(index)", close: false)
          expected.append("GET /\(index) 0")
        }
      }
      connection.send(text + get("/last"))
      expected.append("GET /last 0")
      try await eventually { connection.isClosed }
      #expect(requests.all == expected)
      #expect(connection.text.components("HTTP/1.1 200 OK") == 201)
    }
  }

  @Test("wait for it, in the budget of heads, and no further one is received")
  func waiting() async throws {
    let (gate, requests) = (Gate(), Requests())
    // Room for one read.
    let service = service(heads: 100_000, requests: requests, gate: gate)
    try await serving(service) { port in
      let connection = try await RawConnection(port: port)
      // More than the budget.
      let count = 3_000
      defer { gate.open() }
      let next = String(repeating: get("/next", close: false), count: count)
      connection.send(get("/wait", close: false) + next + get("/last"))
      try await eventually { gate.count == 1 }
      try await eventually("bytes that wait") { service.heads.usage.bytes > 500 }
      // Others are answered, and the connection is none the wiser.
      for _ in 0..<10 { #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 ")) }
      #expect(requests.all.filter { $0 != "GET / 0" } == ["GET /wait 0"] && connection.text.isEmpty)
      gate.open()
      try await eventually { connection.isClosed }
      #expect(connection.text.components("HTTP/1.1 200 OK") == count + 2)
      #expect(service.heads.usage.peak <= service.heads.limit && service.counts[.overloaded] == 0)
      try await eventually { service.heads.usage.bytes == 0 }
    }
  }

  @Test("are not received while the client does not read what it has asked for")
  func slowReader() async throws {
    let asked = Requests()
    var service = service()
    // More than the operating system takes for a connection.
    let large = [UInt8](repeating: 0x78, count: 32 << 20)
    service.responder = { request, _, _ in
      asked.append(request.path ?? "")
      return request.path == "/large" ? Answer(.ok, body: large) : Answer(.ok)
    }
    try await serving(service) { port in
      let connection = try await RawConnection(port: port, reads: false)
      connection.send(get("/large", close: false) + get("/large", close: false) + get("/last"))
      try await eventually { asked.all == ["/large"] }
      for _ in 0..<20 { #expect(try await exchange(port, get("/other")).hasPrefix("HTTP/1.1 200 ")) }
      #expect(asked.all.filter { $0 != "/other" } == ["/large"], "the second is not begun before the first is sent")
      connection.read()
      try await eventually { connection.isClosed }
      #expect(asked.all.suffix(2) == ["/large", "/last"])
      #expect(connection.count > 64 << 20)
    }
  }

  @Test("are answered although the client has ended its side, and then the server ends the connection")
  func halfClosed() async throws {
    let (gate, requests) = (Gate(), Requests())
    try await serving(service(requests: requests, gate: gate)) { port in
      let connection = try await RawConnection(port: port)
      connection.send(get("/wait", close: false) + String(repeating: get("/next", close: false), count: 50))
      connection.endOutput()
      try await eventually { gate.count == 1 }
      gate.open()
      try await eventually { connection.isClosed }
      #expect(connection.text.components("HTTP/1.1 200 OK") == 51 && requests.all.count == 51)
    }
  }
}
