import NIOCore
import NIOPosix
import Synchronization

/// A client that sends what a test says, byte by byte, and notes what comes back.
final class RawConnection: Sendable {
  private let channel: any Channel
  private let state: Received

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

  /// Connects to a port of this machine.
  ///
  /// - Parameter reads: whether it reads what comes before ``read()``.
  init(port: Int, reads: Bool = true) async throws {
    let state = Received()
    self.state = state
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: reads)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Recorder(state)) }
      }
      .connect(host: "127.0.0.1", port: port).get()
  }

  /// What has come so far.
  var text: String { String(decoding: state.bytes.withLock { $0 }, as: UTF8.self) }
  /// How many bytes have come.
  var count: Int { state.bytes.withLock { $0.count } }
  /// Whether the other side has ended the connection.
  var isClosed: Bool { state.isClosed.withLock { $0 } }

  /// Sends text; that the other side has closed is no error.
  func send(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }

  /// Reads from now on.
  func read() { channel.setOption(.autoRead, value: true).whenSuccess { [channel] in channel.read() } }

  /// Ends this side of the connection.
  func endOutput() { channel.close(mode: .output, promise: nil) }

  /// Ends the connection.
  func close() { channel.close(promise: nil) }
}
