import NIOCore
import NIOHPACK
import NIOPosix
import Synchronization

@testable import HTTPService
@testable import MeshTransport

/// A client of HTTP/2 that sends the frames that a test says, and notes what comes back.
final class FrameConnection: Sendable {
  struct Frame: Hashable {
    var head: FrameHead
    var payload: [UInt8]

    /// The last stream, the error code and the debug data of GOAWAY.
    var goAway: (stream: UInt32, code: UInt32, text: String)? {
      guard head.kind == .goAway, payload.count >= 8 else { return nil }
      let numbers = ByteBuffer(bytes: payload).getMultipleIntegers(at: 0, as: (UInt32, UInt32).self)
      return numbers.map { ($0.0, $0.1, String(decoding: payload.dropFirst(8), as: UTF8.self)) }
    }
  }

  private final class Received: Sendable {
    let bytes = Mutex<[UInt8]>([])
    let isClosed = Mutex(false)
  }

  private final class Recorder: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let state: Received
    init(_ state: Received) { self.state = state }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let part = unwrapInboundIn(data)
      state.bytes.withLock { $0.append(contentsOf: part.readableBytesView) }
    }
    func channelInactive(context: ChannelHandlerContext) { state.isClosed.withLock { $0 = true } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  private let channel: any Channel
  private let state: Received

  /// Connects, and begins HTTP/2 with empty settings (RFC 9113, section 3.4).
  ///
  /// - Parameter window: how many bytes the server may send on a stream.
  init(port: Int, window: UInt32? = nil) async throws {
    let state = Received()
    self.state = state
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Recorder(state)) }
      }
      .connect(host: "127.0.0.1", port: port).get()
    var settings = ByteBuffer()
    if let window { settings.writeMultipleIntegers(UInt16(4), window) }
    var begin = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    begin.writeImmutableBuffer(Self.frame(.settings, settings))
    send(begin)
  }

  /// Whether the server has ended the connection.
  var isClosed: Bool { state.isClosed.withLock { $0 } }

  /// The whole frames that have come.
  var frames: [Frame] {
    let bytes = state.bytes.withLock { $0 }
    var (reader, offset, frames) = (FrameReader(preface: 0), 0, [Frame]())
    while let head = bytes.withUnsafeBytes({ reader.next($0, from: &offset) }), offset + head.length <= bytes.count {
      frames.append(Frame(head: head, payload: Array(bytes[offset..<offset + head.length])))
    }
    return frames
  }

  /// The last word of the server; nil if there is none yet.
  var farewell: (stream: UInt32, code: UInt32, text: String)? { frames.last { $0.head.kind == .goAway }?.goAway }

  /// Sends bytes; that the other side has closed is no error.
  func send(_ bytes: ByteBuffer) { channel.writeAndFlush(bytes, promise: nil) }

  /// Sends frames in one write.
  func send(_ frames: some Sequence<ByteBuffer>) {
    var all = ByteBuffer()
    for frame in frames { all.writeImmutableBuffer(frame) }
    send(all)
  }

  /// Ends the connection.
  func close() { channel.close(promise: nil) }

  // MARK: Frames

  static func frame(
    _ kind: FrameHead.Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: ByteBuffer = ByteBuffer()
  ) -> ByteBuffer {
    var frame = ByteBuffer()
    let length = payload.readableBytes
    frame.writeMultipleIntegers(UInt8(length >> 16), UInt16(truncatingIfNeeded: length), kind.rawValue, flags, stream)
    frame.writeImmutableBuffer(payload)
    return frame
  }

  /// A header block of a discovery stream.
  static func headers(path: String? = nil) throws -> ByteBuffer {
    var block = ByteBuffer()
    var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
    try encoder.encode(
      headers: [
        ":method": "POST", ":scheme": "http", ":authority": "localhost",
        ":path": path ?? DiscoveryService.paths.sorted()[1], "content-type": "application/grpc", "te": "trailers",
      ], to: &block)
    return block
  }

  /// Opens a stream.
  static func open(_ stream: UInt32) throws -> ByteBuffer {
    frame(.headers, flags: 0x4, stream: stream, try headers())
  }

  /// A gRPC message in one DATA frame.
  static func message(_ content: [UInt8], stream: UInt32) -> ByteBuffer {
    var message = ByteBuffer()
    message.writeMultipleIntegers(UInt8(0), UInt32(content.count))
    message.writeBytes(content)
    return frame(.data, stream: stream, message)
  }

  /// A number as a payload, as that of RST_STREAM and WINDOW_UPDATE.
  static func number(_ number: UInt32) -> ByteBuffer { ByteBuffer(integer: number) }
}
