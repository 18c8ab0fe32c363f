import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// How a call has ended, as its client sees it.
struct CallEnd: Sendable {
  /// The first headers.
  var headers = HPACKHeaders()
  /// What came between the headers.
  var bytes = ByteBuffer()
  /// The headers after the bytes.
  var trailers = HPACKHeaders()
  /// The code with which the server has reset the stream.
  var reset: HTTP2ErrorCode?

  /// The value of a header, wherever it stands.
  subscript(_ name: String) -> String? { trailers.first(name: name) ?? headers.first(name: name) }

  /// The content of the message.
  var message: String? {
    var bytes = bytes
    guard bytes.readInteger(as: UInt8.self) == 0, let length = bytes.readInteger(as: UInt32.self),
      length == bytes.readableBytes
    else { return nil }
    return String(buffer: bytes)
  }
}

/// A client of gRPC that calls as a test says.
struct CallClient: Sendable {
  private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload

    private var end = CallEnd()
    private var ended: EventLoopPromise<CallEnd>?

    init(_ ended: EventLoopPromise<CallEnd>) { self.ended = ended }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .headers(let part) where end.headers.isEmpty: end.headers = part.headers
      case .headers(let part): end.trailers = part.headers
      case .data(let part):
        if case .byteBuffer(var bytes) = part.data { end.bytes.writeBuffer(&bytes) }
      default: break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      if let closed = error as? NIOHTTP2Errors.StreamClosed { end.reset = closed.errorCode }
      context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { handlerRemoved(context: context) }

    func handlerRemoved(context: ChannelHandlerContext) {
      ended?.succeed(end)
      ended = nil
    }
  }

  /// A call that goes on.
  struct Call: Sendable {
    let stream: any Channel
    private let ended: EventLoopFuture<CallEnd>

    fileprivate init(stream: any Channel, ended: EventLoopFuture<CallEnd>) {
      self.stream = stream
      self.ended = ended
    }

    /// Sends bytes. That the server does not take them any more is no error.
    func send(_ bytes: ByteBuffer, ends: Bool = true) {
      stream.writeAndFlush(
        HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes), endStream: ends)), promise: nil)
    }

    /// Waits for the end.
    var end: CallEnd { get async throws { try await ended.get() } }
  }

  /// The path that the tests' server knows.
  static let path = "/test.Service/Method"

  let connection: any Channel
  private let streams: NIOHTTP2Handler.StreamMultiplexer

  init(port: Int) async throws {
    (connection, streams) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.configureHTTP2Pipeline(
          mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
        ) { $0.eventLoop.makeSucceededVoidFuture() }.map { (channel as any Channel, $0) }
      }
  }

  /// Begins a call.
  func begin(
    _ path: String = path, _ headers: HPACKHeaders = [:], type: String = "application/grpc", method: String = "POST"
  ) async throws -> Call {
    let ended = connection.eventLoop.makePromise(of: CallEnd.self)
    let stream = try await streams.createStreamChannel { stream in
      stream.eventLoop.makeCompletedFuture { try stream.pipeline.syncOperations.addHandler(Recorder(ended)) }
    }.get()
    var head: HPACKHeaders = [
      ":method": method, ":scheme": "http", ":authority": "anything", ":path": path, "content-type": type,
      "te": "trailers",
    ]
    head.add(contentsOf: headers)
    try await stream.writeAndFlush(HTTP2Frame.FramePayload.headers(.init(headers: head)))
    return Call(stream: stream, ended: ended.futureResult)
  }

  /// Calls a method with one message.
  func call(
    _ content: String, flag: UInt8 = 0, _ headers: HPACKHeaders = [:], path: String = path
  ) async throws -> CallEnd {
    let call = try await begin(path, headers)
    call.send(Self.message(content, flag: flag))
    return try await call.end
  }

  /// A message with its prefix.
  static func message(_ content: String, flag: UInt8 = 0) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeMultipleIntegers(flag, UInt32(content.utf8.count))
    bytes.writeString(content)
    return bytes
  }

  /// Ends the connection.
  func close() { connection.close(promise: nil) }
}
