import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// A real HTTP server on a free port of 127.0.0.1, for as long as a test needs it.
enum LoopbackServer {
  typealias Responder = @Sendable (HTTPRequest, [UInt8]) async -> (HTTPResponse, [UInt8])

  /// Serves while a body runs, which is given the server's address.
  static func run<Value: Sendable>(
    _ responder: @escaping Responder, _ body: @escaping @Sendable (_ base: String) async throws -> Value
  ) async throws -> Value {
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "loopback")
    logger.logLevel = .critical
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        let bytes = try await request.body.collect(upTo: 8 << 20)
        let (head, content) = await responder(request.head, Array(bytes.readableBytesView))
        return Response(
          status: head.status, headers: head.headerFields,
          body: content.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: content)))
      },
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in
        continuation.yield(channel.localAddress?.port ?? 0)
        continuation.finish()
      },
      logger: logger)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask {
        try await application.runService(gracefulShutdownSignals: [])
        return nil
      }
      group.addTask {
        for await port in ports { return try await body("http://127.0.0.1:\(port)") }
        return nil
      }
      defer { group.cancelAll() }
      while let value = try await group.next() {
        if let value { return value }
      }
      throw CancellationError()
    }
  }
}
