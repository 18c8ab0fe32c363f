package import NIOCore

/// Keeps the buffers of idle connections small, between TLS and HTTP/2. Otherwise the buffers of thousands of idle connections
/// would be most of the control plane's memory.
package final class SmallBuffers: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  /// Flushes after so many bytes. TLS encrypts each flush into one buffer of 16 KiB, which grows for a larger flush and never
  /// shrinks.
  private static let flushSize = 12 * 1024

  private var unflushed = 0
  /// The end of the last message. While it is referenced, gRPC cannot reuse its memory, and allocates what the next message
  /// needs. Otherwise gRPC would hold the memory of the largest message.
  private var last: ByteBuffer?

  package init() {}

  /// Copies small reads. HTTP/2's decoder holds its last input, and TLS allocates 32 KiB for requests of a few hundred bytes.
  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    var compact = context.channel.allocator.buffer(capacity: bytes.readableBytes)
    compact.writeBytes(bytes.readableBytesView)
    context.fireChannelRead(wrapInboundOut(compact))
  }

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
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

  package func flush(context: ChannelHandlerContext) {
    unflushed = 0
    context.flush()
  }
}
