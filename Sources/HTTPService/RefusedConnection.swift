package import NIOCore

extension RequestService {
  /// Reserves a slot for a new connection. If none is free, sends a refusal, closes the connection, and returns nil. Call it on the
  /// connection's event loop.
  ///
  /// - Parameter encryption: how connections of the server are encrypted; nil for a server without TLS.
  package func place(for channel: any Channel, encryption: Encryption? = nil) throws -> ConnectionSlot? {
    let address = channel.remoteAddress?.ipAddress ?? "an address"
    let share = "\(connections.addressLimit), the most for one address, which general.limits.connectionShare raises"
    switch connections.enter(channel) {
    case .entered(let slot, .free): return slot
    case .entered(let slot, .ofServer):
      note(.madeRoom, "the server closes slow connections to accept new ones: all \(connections.limit) are in use")
      return slot
    case .entered(let slot, .ofAddress):
      note(
        .addressMadeRoom, "the server closes slow connections of \(address) to accept its new ones: it has \(share)")
      return slot
    case .full:
      note(.full, "the server refuses connections: all \(connections.limit) are in use")
      try refuse(channel, .overloaded, encryption: encryption)
    case .addressFull:
      note(.addressFull, "the server refuses connections of \(address), which has \(share)")
      try refuse(channel, .addressFull(limit: connections.addressLimit), encryption: encryption)
    }
    return nil
  }

  /// Sends a refusal to a new connection, in the protocol that it speaks, and closes it. Call it on the connection's event loop.
  ///
  /// - Parameter encryption: how the client may encrypt the connection; nil if it does not.
  func refuse(_ channel: any Channel, _ refusal: RequestRefusal, encryption: Encryption? = nil) throws {
    let hasTime = connections.beginRefused()
    if hasTime { channel.closeFuture.whenComplete { [connections] _ in connections.endRefused() } }
    let connection = RefusedConnection(
      overHTTP1: ReceiptWatch.bytes(of: answer(to: nil, refusal)),
      overHTTP2: GoAway.only(
        refusal.goAwayCode,
        refusal.sentence(hostSetting: settings.hosts, originSetting: settings.origins)), hasTime: hasTime)
    guard let encryption, hasTime else { return try channel.pipeline.syncOperations.addHandler(connection) }
    // A client that uses TLS understands nothing else.
    let deadline = NIODeadline.now() + RefusedConnection.handshakeTime
    let detector = EncryptionDetector(encryption, service: self, deadline: deadline) { channel, _ in
      try channel.pipeline.syncOperations.addHandler(connection)
    }
    try channel.pipeline.syncOperations.addHandler(detector)
  }
}

/// Tells a client why it gets no connection, once its first bytes show which protocol it speaks, and closes the connection.
private final class RefusedConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long a client may take for its handshake.
  static let handshakeTime = TimeAmount.seconds(2)
  /// How long a client may take to say something, and then to read the answer: one that is still sending may miss the answer if the
  /// connection is closed immediately.
  private static let time = TimeAmount.milliseconds(500)

  private let overHTTP1: ByteBuffer
  private let overHTTP2: ByteBuffer
  /// Whether there are so few refused connections that this one may stay for a moment.
  private let hasTime: Bool
  private var isAnswered = false
  private var timer: Scheduled<Void>?

  init(overHTTP1: ByteBuffer, overHTTP2: ByteBuffer, hasTime: Bool) {
    self.overHTTP1 = overHTTP1
    self.overHTTP2 = overHTTP2
    self.hasTime = hasTime
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelActive(context: ChannelHandlerContext) {
    begin(context)
    context.fireChannelActive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard hasTime else {
      context.writeAndFlush(wrapOutboundOut(overHTTP1), promise: nil)
      return context.close(promise: nil)
    }
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.time) {
      self.answer(context, self.overHTTP1)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // The preface of HTTP/2 (RFC 9113, section 3.4); no method of HTTP begins like it.
    let isHTTP2 = unwrapInboundIn(data).readableBytesView.starts(with: "PRI".utf8)
    answer(context, isHTTP2 ? overHTTP2 : overHTTP1)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case ChannelEvent.inputClosed = event else { return }
    answer(context, overHTTP1)
    context.close(promise: nil)
  }

  private func answer(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
    guard !isAnswered, hasTime else { return }
    isAnswered = true
    timer?.cancel()
    context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    let channel = context.channel
    channel.close(mode: .output, promise: nil)
    timer = channel.eventLoop.assumeIsolated().scheduleTask(in: Self.time) { channel.close(promise: nil) }
  }
}
