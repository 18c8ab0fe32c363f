package import Logging
package import NIOCore
import NIOHTTP2

/// Runs before HTTP/2's handler on every connection, and ends the connection when its frames cost more than they do, or when it has
/// no stream with a request for long.
///
/// It reads the heads of frames as bytes pass. Every GOAWAY that leaves has a sentence, also those of HTTP/2's library: see
/// docs/decisions/044-frames-are-counted.md.
package final class FrameGuard: ChannelDuplexHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer
  package typealias OutboundIn = ByteBuffer
  package typealias OutboundOut = ByteBuffer

  /// The state shared by all connections.
  package struct Setup: Sendable {
    /// How many streams may be open on a connection at a time.
    let streams: Int
    let counts: FrameCounts
    let refusals: RefusalLog
    let logger: Logger
    /// How long a connection stays without a stream that has a request.
    let idle: TimeAmount
    /// Whether an answered request gives back what its beginning took from ``FrameLimits/openings``.
    let answersEarn: Bool

    /// Describes it.
    ///
    /// - Parameters:
    ///   - streams: how many streams may be open on a connection at a time.
    ///   - server: the server's name in the log.
    ///   - idle: how long a connection stays without a stream that has a request.
    ///   - answersEarn: whether a connection may have any number of requests, as long as they are answered.
    package init(
      streams: Int, counts: FrameCounts, server: String, logger: Logger, idle: Duration = ReceiptLimits().idle,
      answersEarn: Bool = false
    ) {
      self.streams = streams
      self.counts = counts
      self.refusals = RefusalLog(server: server)
      self.logger = logger
      self.idle = TimeAmount(idle)
      self.answersEarn = answersEarn
    }
  }

  /// How long a connection that was ended stays, so that the client can read why.
  private static let farewell = TimeAmount.seconds(1)

  private let setup: Setup
  private let caller: Caller
  /// The connection's slot in the limit of connections; it may be replaced while it has no request.
  private let slot: ConnectionSlot?
  private var hasRequest = false
  /// Ends the connection; nil while it has a request.
  private var idleTimer: Scheduled<Void>?
  private var watch: FrameWatch
  private var input = FrameReader(preface: FrameReader.prefaceSize)
  private var output = FrameReader(preface: 0)
  /// Whether nothing is received or sent any more.
  private var hasEnded = false
  /// Whether the next request to close the connection waits for the client to read the farewell.
  private var delaysClose = false

  package init(setup: Setup, caller: Caller, slot: ConnectionSlot? = nil) {
    self.setup = setup
    self.caller = caller
    self.slot = slot
    watch = FrameWatch(streams: setup.streams, answersEarn: setup.answersEarn)
  }

  package func handlerAdded(context: ChannelHandlerContext) { startIdleTimer(context) }
  package func handlerRemoved(context: ChannelHandlerContext) { stopIdleTimer() }

  package func channelInactive(context: ChannelHandlerContext) {
    stopIdleTimer()
    context.fireChannelInactive()
  }

  // MARK: Connections without a request

  /// Notes whether the connection has a request, when that has changed.
  private func noteRequests(_ context: ChannelHandlerContext) {
    guard watch.streams.hasRequest != hasRequest, !hasEnded else { return }
    hasRequest.toggle()
    slot?.note(hasRequest: hasRequest)
    if hasRequest { stopIdleTimer() } else { startIdleTimer(context) }
  }

  private func startIdleTimer(_ context: ChannelHandlerContext) {
    idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: setup.idle) {
      if !self.hasEnded { self.end(context, .idle) }
    }
  }

  private func stopIdleTimer() {
    idleTimer?.cancel()
    idleTimer = nil
  }

  // MARK: From the client

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !hasEnded else { return }
    if let refusal = inspect(unwrapInboundIn(data)) { return end(context, refusal) }
    noteRequests(context)
    context.fireChannelRead(data)
  }

  private func inspect(_ bytes: ByteBuffer) -> FrameRefusal? {
    let now = ContinuousClock.now
    return bytes.withUnsafeReadableBytes { bytes in
      var offset = 0
      while let frame = input.next(bytes, from: &offset) {
        if let refusal = watch.received(frame, at: now) { return refusal }
      }
      return nil
    }
  }

  /// Whether a stream is beyond the limit of its connection and has to be reset: its client can try again. It counts the refusal. Call
  /// it on the event loop of the stream.
  package static func refuses(_ stream: any Channel) -> Bool {
    guard let connection = stream.parent,
      let frames = try? connection.pipeline.syncOperations.handler(type: FrameGuard.self)
    else { return false }
    // Known at once on the event loop of the stream.
    var isBeyond = false
    stream.getOption(HTTP2StreamChannelOptions.streamID).assumeIsolated().whenSuccess {
      isBeyond = frames.refuses(UInt32(Int($0)))
    }
    return isBeyond
  }

  private func refuses(_ stream: UInt32) -> Bool {
    guard watch.streams.refused.contains(stream) else { return false }
    note(.refusedStream)
    return true
  }

  private func end(_ context: ChannelHandlerContext, _ refusal: FrameRefusal) {
    if refusal == .idle { setup.counts.count(refusal) } else { note(refusal) }
    let farewell = GoAway.frame(refusal.code, lastStream: watch.streams.last, refusal.sentence)
    context.write(wrapOutboundOut(farewell), promise: nil)
    leave(context)
  }

  private func note(_ refusal: FrameRefusal, _ sentence: String? = nil) {
    setup.counts.count(refusal)
    setup.refusals.note(
      sentence ?? refusal.sentence, operation: "HTTP/2", caller: caller, to: setup.logger,
      sentence: refusal == .refusedStream ? "a stream was refused" : "a connection was ended")
  }

  /// Sends what is written, and closes the connection soon: a client that is still sending would miss it if that were at once.
  private func leave(_ context: ChannelHandlerContext) {
    hasEnded = true
    stopIdleTimer()
    context.flush()
    context.close(mode: .output, promise: nil)
    let channel = context.channel
    channel.eventLoop.scheduleTask(in: Self.farewell) { channel.close(promise: nil) }
  }

  // MARK: To the client

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !hasEnded else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    let bytes = unwrapOutboundIn(data)
    if output.isBetweenFrames, let (stream, code) = Self.plainGoAway(bytes) {
      return farewell(context, code, lastStream: stream, promise)
    }
    let now = ContinuousClock.now
    let refusal = bytes.withUnsafeReadableBytes { bytes in
      var (offset, refusal): (Int, FrameRefusal?) = (0, nil)
      while let frame = output.next(bytes, from: &offset) { refusal = watch.sent(frame, at: now) ?? refusal }
      return refusal
    }
    noteRequests(context)
    context.write(data, promise: promise)
    guard let refusal else { return }
    // The library is in the middle of a frame of the client.
    context.eventLoop.assumeIsolated().execute {
      if !self.hasEnded, context.channel.isActive { self.end(context, refusal) }
    }
  }

  /// Adds a sentence to a GOAWAY frame of HTTP/2's library. One with an error is the last frame.
  private func farewell(
    _ context: ChannelHandlerContext, _ code: UInt32, lastStream: UInt32, _ promise: EventLoopPromise<Void>?
  ) {
    let sentence = FrameRefusal.sentence(ofCode: code)
    context.write(wrapOutboundOut(GoAway.frame(code, lastStream: lastStream, sentence)), promise: promise)
    guard code != 0 else { return }
    note(.violation, sentence)
    delaysClose = true
    leave(context)
  }

  /// The last stream and the error code of a whole GOAWAY frame without a sentence; nil for anything else.
  private static func plainGoAway(_ bytes: ByteBuffer) -> (stream: UInt32, code: UInt32)? {
    let size = FrameHead.size + 8
    guard bytes.readableBytes == size else { return nil }
    var (reader, offset) = (FrameReader(preface: 0), 0)
    guard let head = bytes.withUnsafeReadableBytes({ reader.next($0, from: &offset) }), head.kind == .goAway,
      head.length == 8,
      let (stream, code) = bytes.getMultipleIntegers(
        at: bytes.readerIndex + FrameHead.size, as: (UInt32, UInt32).self)
    else { return nil }
    return (stream, code)
  }

  package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .all, delaysClose else { return context.close(mode: mode, promise: promise) }
    // The library closes a connection as soon as it has written why.
    delaysClose = false
    if let promise { context.channel.closeFuture.cascade(to: promise) }
  }
}
