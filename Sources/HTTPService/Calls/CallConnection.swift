import NIOCore
import NIOHTTP2

/// The last handler of a connection with calls: knows them, and ends the connection when the server ends.
final class CallConnection: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private let service: RequestService
  private var calls: [ObjectIdentifier: CallHandler] = [:]
  /// The last stream that a client has opened.
  private var last = HTTP2StreamID.rootStream
  private var context: ChannelHandlerContext?
  /// Says goodbye, after a moment for requests that are on their way.
  private var timer: Scheduled<Void>?
  private var hasSaidGoodbye = false

  init(service: RequestService) { self.service = service }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if service.ending.hasBegun { beginEnding() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    self.context = nil
  }

  /// The operating system's address of the client.
  var remoteAddress: SocketAddress? { context?.remoteAddress }

  /// Closes the connection at once.
  func close() { context?.close(promise: nil) }

  func began(_ call: CallHandler, on stream: HTTP2StreamID) {
    calls[ObjectIdentifier(call)] = call
    if stream > last { last = stream }
    if timer != nil { call.serverEnds() }
  }

  func ended(_ call: CallHandler) {
    calls[ObjectIdentifier(call)] = nil
    closeIfDone()
  }

  // MARK: The connection

  // What is left of a connection's frames says nothing that matters here.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    // The library has reset the stream.
    case is NIOHTTP2Errors.StreamError: break
    // A stream that the client opened before it read the goodbye: it can try again elsewhere.
    case is NIOHTTP2Errors.NoSuchStream where hasSaidGoodbye: break
    default: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ServerEnding.Event: beginEnding()
    // Who sends no more, not even frames for flow control, reads no answer either.
    case ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func beginEnding() {
    guard let context, timer == nil else { return }
    for call in calls.values { call.serverEnds() }
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(service.limits.lastRequest)) {
      self.sayGoodbye()
    }
  }

  /// Tells the client which streams will be answered. It can send others again, to whoever listens then.
  private func sayGoodbye() {
    guard let context else { return }
    hasSaidGoodbye = true
    let frame = HTTP2Frame(
      streamID: .rootStream, payload: .goAway(lastStreamID: last, errorCode: .noError, opaqueData: nil))
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    closeIfDone()
  }

  private func closeIfDone() {
    guard hasSaidGoodbye, calls.isEmpty, let context else { return }
    // What is written leaves first. The client closes when it has read it, or the server ends without waiting for it.
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
  }
}
