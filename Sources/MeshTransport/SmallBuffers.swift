import NIOCore

/// Keeps what a connection holds in memory small, between TLS and HTTP/2. With thousands of connections that have nothing to
/// say, most of the control plane's memory would be buffers that were large once.
final class SmallBuffers: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// After how many bytes to flush: TLS encrypts what is flushed at once into one buffer of 16 KiB, which grows where they are
  /// not enough and stays so.
  private static let flushSize = 12 * 1024

  private var unflushed = 0
  /// The end of the last message. As long as it is here, gRPC cannot use its memory for the next one, and takes as much as
  /// that needs; otherwise it would keep the memory of the largest.
  private var last: ByteBuffer?

  /// HTTP/2's decoder keeps the last buffer that it was given, of which TLS makes 32 KiB for requests of a few hundred bytes.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    var compact = context.channel.allocator.buffer(capacity: bytes.readableBytes)
    compact.writeBytes(bytes.readableBytesView)
    context.fireChannelRead(wrapInboundOut(compact))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    var bytes = unwrapOutboundIn(data)
    last = bytes
    while unflushed + bytes.readableBytes > Self.flushSize,
      let part = bytes.readSlice(length: Self.flushSize - unflushed)
    {
      context.write(wrapOutboundOut(part), promise: nil)
      flush(context: context)
    }
    unflushed += bytes.readableBytes
    context.write(wrapOutboundOut(bytes), promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    unflushed = 0
    context.flush()
  }
}
