import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HTTPService

/// Bodies of requests that have reached the responder.
final class Requests: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func append(_ line: String) { lines.withLock { $0.append(line) } }
}

/// What tests of a real server on a free port share.
protocol HTTPServerTesting: Sendable {}

extension HTTPServerTesting {
  /// A service that answers with what it was sent, and waits at `/wait` until it is told to go on.
  func service(
    connections: Int = 100, bodyLimit: Int = 1_000, budget: Int = 100_000, heads: Int = 50_000,
    requests: Requests = Requests(),
    gate: Gate = Gate()
  ) -> RequestService {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    var service = RequestService(
      name: "test", connections: connections,
      callers: CallerRule(hosts: HostRule(names: []), origins: OriginRule(["http://a.example"])), bodyLimit: bodyLimit,
      bodies: ByteBudget("bodies", limit: budget), heads: ByteBudget("heads", limit: heads), logger: logger
    ) { request, body, _ in
      requests.append("\(request.method.rawValue) \(request.path ?? "") \(body.count)")
      if request.path == "/wait" { await gate.wait() }
      return .text("\(request.authority ?? "") \(body.count) bytes", type: "text/plain")
    }
    // On a busy machine nothing is late, unless a test is about that.
    service.limits.head = .seconds(3_600)
    service.limits.interval = .seconds(3_600)
    return service
  }

  /// Serves on a free port while a body runs.
  func serving(
    _ service: RequestService, encryption: Encryption? = nil, http2: ConnectionClassifier.HTTP2Setup? = nil,
    body: @escaping @Sendable (Int) async throws -> Void
  ) async throws {
    let (ports, listening) = AsyncStream<Int>.makeStream()
    var server = HTTPServer(
      host: "127.0.0.1", port: 0, service: service, eventLoopGroup: MultiThreadedEventLoopGroup.singleton
    ) { listening.yield($0) }
    server.encryption = encryption
    server.http2 = http2
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [server] in try await server.run() }
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      try await body(port)
      group.cancelAll()
    }
  }

  /// Sends text over a connection of its own and returns what comes back until the server has ended it.
  func exchange(_ port: Int, _ text: String) async throws -> String {
    let connection = try await RawConnection(port: port)
    connection.send(text)
    try await eventually { connection.isClosed }
    return connection.text
  }

  func get(_ path: String = "/", close: Bool = true, _ fields: String = "host: localhost\r\n") -> String {
    "GET \(path) HTTP/1.1\r\n\(fields)\(close ? "connection: close\r\n" : "")\r\n"
  }

  func post(_ body: String, _ fields: String = "", close: Bool = true) -> String {
    "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(body.utf8.count)\r\n\(close ? "connection: close\r\n" : "")"
      + "\(fields)\r\n\(body)"
  }
}

extension String {
  /// How often a text stands in this one.
  func components(_ text: String) -> Int { ranges(of: text).count }
}
