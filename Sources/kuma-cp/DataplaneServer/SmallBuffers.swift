import NIOCore

/// Keeps what a connection holds in memory small, between TLS and HTTP/2. With thousands of connections that have nothing to
/// say, most of the control plane's memory would be their buffers.
final class SmallBuffers: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// After how many bytes to flush. TLS encrypts all that is flushed at once into one buffer, which it keeps.
  private static let flushSize = 16 * 1024

  private var written = 0

  /// HTTP/2's decoder keeps the last buffer that it was given, of which TLS makes 32 KiB for requests of a few hundred bytes.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    var compact = context.channel.allocator.buffer(capacity: bytes.readableBytes)
    compact.writeBytes(bytes.readableBytesView)
    context.fireChannelRead(wrapInboundOut(compact))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    written += unwrapOutboundIn(data).readableBytes
    context.write(data, promise: promise)
    if written >= Self.flushSize { flush(context: context) }
  }

  func flush(context: ChannelHandlerContext) {
    written = 0
    context.flush()
  }
}
