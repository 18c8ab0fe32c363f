import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HTTPService

@Suite("Connections of an HTTP server", .timeLimit(.minutes(15)))
struct HTTPConnectionTests: HTTPServerTesting {
  @Test("slow connections lose their places to those that send what they have, and never more are open than may be")
  func slowConnections() async throws {
    let gate = Gate()
    let service = service(connections: 20, gate: gate)
    try await serving(service) { port in
      // One waits for its answer, as somebody does who watches.
      let watcher = try await RawConnection(port: port)
      watcher.send(get("/wait"))
      try await eventually { gate.count == 1 }
      var slow: [RawConnection] = []
      for index in 0..<60 {
        let connection = try await RawConnection(port: port)
        connection.send(
          index.isMultiple(of: 2) ? "G" : "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\nx")
        slow.append(connection)
      }
      for _ in 0..<10 { #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 ")) }
      try await eventually("the closed connections") { slow.count(where: \.isClosed) >= 41 }
      #expect(service.connections.peak <= 20)
      #expect(service.counts[.madeRoom] >= 42 && service.counts[.full] == 0)
      gate.open()
      try await eventually { watcher.text.contains("200 OK") }
      for connection in slow { connection.close() }
      try await eventually { service.connections.count == 0 }
    }
  }

  @Test("when every connection waits for an answer, a new one is told to come again")
  func fullHouse() async throws {
    let gate = Gate()
    let service = service(connections: 3, gate: gate)
    try await serving(service) { port in
      var busy: [RawConnection] = []
      for _ in 0..<3 {
        let connection = try await RawConnection(port: port)
        connection.send(get("/wait"))
        busy.append(connection)
      }
      try await eventually { gate.count == 3 }
      let more = try await RawConnection(port: port)
      try await eventually { more.isClosed }
      #expect(more.text.hasPrefix("HTTP/1.1 503 ") && more.text.contains("Retry-After: 1\r\n"))
      gate.open()
      try await eventually { busy.allSatisfy { $0.text.contains("200 OK") && $0.isClosed } }
      #expect(service.counts[.full] == 1 && service.counts[.madeRoom] == 0)
      #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 "))
    }
  }

  @Test("heads and bodies that do not come are told so and ended, and what they held is free")
  func lateness() async throws {
    var service = service()
    service.limits.head = .milliseconds(300)
    service.limits.interval = .milliseconds(300)
    let counts = service.counts
    try await serving(service) { [service] port in
      let silent = try await RawConnection(port: port)
      try await eventually { silent.isClosed }
      #expect(silent.text == "")
      for begin in ["GET / HT", "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\nx"] {
        // On a busy machine what is sent may come too late itself; then the connection was a silent one.
        let late = try await eventually("an answer to what comes late") { () -> String? in
          let answer = try await exchange(port, begin)
          return answer.isEmpty ? nil : answer
        }
        #expect(late.hasPrefix("HTTP/1.1 408 ") && late.contains("did not arrive in time"))
      }
      try await eventually { service.bodies.usage.bytes == 0 && service.connections.count == 0 }
    }
    #expect(counts[.late] >= 3)
    #expect(counts[.malformed] == 0, "an incomplete request is refused once")
  }

  @Test("a service words the refusal of a request whose head it knows")
  func wording() async throws {
    var service = service()
    service.limits.interval = .milliseconds(300)
    service.refusalWording = { request, refusal in
      guard case .late = refusal else { return nil }
      let text = "\(request.path ?? "") is late"
      var answer = Answer(.serviceUnavailable, body: Array(text.utf8))
      answer.fields = [.contentLength: "\(text.utf8.count)", .retryAfter: "7"]
      return answer
    }
    try await serving(service) { port in
      let answer = try await exchange(
        port, "POST /spans HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\nx")
      #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.hasSuffix("\r\n\r\n/spans is late"))
      #expect(answer.contains("Retry-After: 7\r\n") && answer.components("Content-Length: 14\r\n") == 1)
    }
  }

  @Test("a kept connection is ended when no further request comes")
  func idleness() async throws {
    var service = service()
    service.limits.idle = .milliseconds(200)
    let counts = service.counts
    try await serving(service) { port in
      let answer = try await exchange(port, get("/", close: false))
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
    }
    #expect(counts[.idle] == 1 && counts[.late] == 0)
  }

  @Test("a server that is cancelled cancels what it is answering, and ends after it")
  func cancellation() async throws {
    let ended = Requests()
    var service = service()
    service.responder = { request, _, _ in
      ended.append("begin")
      for await _ in AsyncStream<Never>.makeStream().stream {}
      ended.append("end")
      return Answer()
    }
    try await serving(service) { port in
      let connection = try await RawConnection(port: port)
      connection.send(get())
      try await eventually { ended.all == ["begin"] }
    }
    #expect(ended.all == ["begin", "end"])
  }

  @Test("of many that want to do something large, one at a time does it")
  func turns() async {
    let turns = FairTurns(1)
    let done = Requests()
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<50 {
        group.addTask {
          await turns.run {
            await Task.yield()
            done.append("\(index)")
          }
        }
      }
    }
    #expect(turns.peak == 1 && Set(done.all).count == 50)
  }
}
