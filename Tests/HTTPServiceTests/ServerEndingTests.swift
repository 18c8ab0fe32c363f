import Logging
import MeshTestSupport
import NIOPosix
import ServiceLifecycle
import Testing

@testable import HTTPService

@Suite("A server that ends", .timeLimit(.minutes(15)))
struct ServerEndingTests: HTTPServerTesting {
  /// Runs a server in a service group, as programs do, until the body has it end and everything has ended.
  private func running(
    _ service: RequestService, socket: Int32? = nil,
    _ body: (Int, _ end: @Sendable () async -> Void) async throws -> Void
  ) async throws {
    let (ports, listening) = AsyncStream<Int>.makeStream()
    var server = HTTPServer(
      host: "127.0.0.1", port: 0, service: service, eventLoopGroup: MultiThreadedEventLoopGroup.singleton
    ) { listening.yield($0) }
    server.socket = socket
    var quiet = Logger(label: "test")
    quiet.logLevel = .critical
    let group = ServiceGroup(services: [server], logger: quiet)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      do {
        try await body(port) { await group.triggerGracefulShutdown() }
      } catch {
        tasks.cancelAll()
        throw error
      }
      try await tasks.waitForAll()
    }
  }

  @Test("answers what it has in hand and what is on its way, and tells each client that it was the last answer")
  func lastAnswers() async throws {
    let gate = Gate()
    let requests = Requests()
    var service = service(requests: requests, gate: gate)
    service.limits.lastRequest = .seconds(3_600)
    service.limits.lastArrival = .seconds(3_600)
    let served = service
    try await running(service) { port, end in
      let inHand = try await RawConnection(port: port)
      inHand.send(get("/wait", close: false))
      let arriving = try await RawConnection(port: port)
      arriving.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\na")
      let idle = try await RawConnection(port: port)
      idle.send(get(close: false))
      let fresh = try await RawConnection(port: port)
      try await eventually("the requests") { requests.all.count == 2 && served.connections.count == 4 }
      try await eventually("the first answer") { idle.text.components("HTTP/1.1 200 OK") == 1 }
      #expect(!idle.text.contains("Connection: close"))

      await end()
      try await eventually("the server's last word") { served.ending.hasBegun }
      arriving.send("b")
      idle.send(get(close: false))
      fresh.send(get(close: false))
      gate.open()
      for connection in [inHand, arriving, idle, fresh] {
        try await eventually("the last answer") { connection.isClosed }
        #expect(connection.text.components("Connection: close\r\n") == 1)
      }
      #expect(idle.text.components("HTTP/1.1 200 OK") == 2)
      #expect(arriving.text.contains("2 bytes"))
    }
    #expect(requests.all.count == 5)
    #expect(service.connections.count == 0 && service.openWork == nil)
  }

  @Test("answers no request that waits behind the one in hand, and forgets its bytes")
  func pipelined() async throws {
    let (gate, requests) = (Gate(), Requests())
    let service = service(requests: requests, gate: gate)
    try await running(service) { port, end in
      let connection = try await RawConnection(port: port)
      connection.send(get("/wait", close: false) + String(repeating: get("/next", close: false), count: 100))
      try await eventually("bytes that wait") { gate.count == 1 && service.heads.usage.bytes > 1_000 }
      await end()
      try await eventually("the server's last word") { service.ending.hasBegun }
      gate.open()
      try await eventually("the end of the connection") { connection.isClosed }
      #expect(connection.text.components("HTTP/1.1 ") == 1)
      #expect(connection.text.components("Connection: close\r\n") == 1)
    }
    #expect(requests.all == ["GET /wait 0"])
    #expect(service.heads.usage.bytes == 0 && service.openWork == nil)
  }

  @Test("closes connections without a request, and requests that do not arrive, when their time is over")
  func silentClients() async throws {
    var service = service()
    service.limits.lastRequest = .milliseconds(50)
    service.limits.lastArrival = .milliseconds(50)
    try await running(service) { port, end in
      let fresh = try await RawConnection(port: port)
      let slow = try await RawConnection(port: port)
      slow.send("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\na")
      try await eventually("both connections") { service.connections.count == 2 }
      await end()
      try await eventually("the end of both") { fresh.isClosed && slow.isClosed }
      #expect(fresh.text.isEmpty)
      #expect(slow.text.isEmpty || slow.text.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test("with a socket that stays open, clients that come between two servers are answered by the second one")
  func inheritedSocket() async throws {
    let kept = try OccupiedPort(listens: true)
    try await running(service(), socket: kept.duplicate()) { port, end in
      #expect(port == kept.number)
      let answer = try await exchange(port, get())
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      await end()
    }
    let between = try await RawConnection(port: kept.number)
    between.send(get())
    try await running(service(), socket: kept.duplicate()) { port, end in
      try await eventually("the answer") { between.isClosed }
      #expect(between.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      await end()
    }
  }
}
