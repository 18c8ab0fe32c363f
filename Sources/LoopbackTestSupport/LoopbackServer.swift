public import HTTPTypes
import Hummingbird
public import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// A real HTTP server on a port of 127.0.0.1, for as long as a test needs it.
public enum LoopbackServer {
  /// Answers a request with its whole body.
  public typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> (HTTPResponse, [UInt8])

  /// Serves while a body runs, which is given the server's address.
  ///
  /// - Parameters:
  ///   - server: what is spoken; the address begins with `http://` in any case.
  ///   - host: where, an address of this machine.
  ///   - port: where; 0 for a free port.
  public static func run<Value: Sendable>(
    server: HTTPServerBuilder = .http1(), host: String = "127.0.0.1", port: Int = 0, _ responder: @escaping Responder,
    _ body: @escaping @Sendable (_ base: String) async throws -> Value
  ) async throws -> Value {
    try await serving(server: server, host: host, port: port) { request in
      let bytes = try await request.body.collect(upTo: 16 << 20)
      let (head, content) = await responder(request.head, Array(bytes.readableBytesView))
      return Response(
        status: head.status, headers: head.headerFields,
        body: content.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: content)))
    } _: {
      try await body($0)
    }
  }

  /// Serves answers whose head comes at once, and whose body never ends: a byte, and a little later another.
  ///
  /// - Parameters:
  ///   - onByte: called for each byte that is about to be sent.
  ///   - onEnd: called when the client has closed the connection.
  public static func runDripping<Value: Sendable>(
    onByte: @escaping @Sendable () -> Void, onEnd: @escaping @Sendable () -> Void,
    _ body: @escaping @Sendable (_ base: String) async throws -> Value
  ) async throws -> Value {
    try await serving(server: .http1(), host: "127.0.0.1", port: 0) { _ in
      Response(
        status: .ok,
        body: ResponseBody { writer in
          defer { onEnd() }
          while true {
            onByte()
            try await writer.write(ByteBuffer(string: " "))
            try await Task.sleep(for: .milliseconds(20))
          }
        })
    } _: {
      try await body($0)
    }
  }

  private static func serving<Value: Sendable>(
    server: HTTPServerBuilder, host: String, port: Int,
    answer: @escaping @Sendable (Request) async throws -> Response,
    _ body: @escaping @Sendable (_ base: String) async throws -> Value
  ) async throws -> Value {
    let (channels, continuation) = AsyncStream.makeStream(of: (any Channel).self)
    let running = Mutex<(any Channel)?>(nil)
    var logger = Logger(label: "loopback")
    logger.logLevel = .critical
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in try await answer(request) },
      server: server, configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
      onServerRunning: { channel in
        continuation.yield(channel)
        continuation.finish()
      },
      logger: logger)
    return try await withServer {
      try await application.run()
    } close: {
      try? await running.withLock { $0 }?.close().get()
    } _: {
      for await channel in channels {
        running.withLock { $0 = channel }
        return try await body("http://\(host):\(channel.localAddress?.port ?? 0)")
      }
      throw CancellationError()
    }
  }

  /// Serves until the task is cancelled, and tells the port.
  public static func serve(
    server: HTTPServerBuilder = .http1(), host: String = "127.0.0.1", port: Int = 0, _ responder: @escaping Responder,
    onPort: @escaping @Sendable (Int) -> Void
  ) async throws {
    try await run(server: server, host: host, port: port, responder) { base in
      onPort(Int(base.split(separator: ":").last ?? "") ?? 0)
      for await _ in AsyncStream<Never>.makeStream().stream {}
    }
  }

  /// Serves answers that are looked up by method and target, and fails everything else with 404 as Kuma does.
  public static func answering(_ answers: [String: (Int, String)]) -> Responder {
    { request, _ in
      let key = "\(request.method.rawValue) \(request.path ?? "")"
      let (status, text) = answers[key] ?? (404, #"{"title":"Could not retrieve a resource","details":"Not found"}"#)
      return (
        HTTPResponse(status: .init(code: status), headerFields: [.contentType: "application/json"]), Array(text.utf8)
      )
    }
  }
}
