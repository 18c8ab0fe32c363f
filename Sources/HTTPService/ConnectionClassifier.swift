package import NIOCore

/// Detects the protocol of a new connection, HTTP/2 or HTTP/1.1, sets up its pipeline, and removes itself. ``EncryptionDetector`` comes
/// before it.
///
/// ALPN identifies HTTP/2 (`h2`). Without ALPN the first bytes do, since HTTP/2 starts with a fixed preface (RFC 9113, section 3.4).
package final class ConnectionClassifier: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer

  /// What is known of a connection that speaks HTTP/2.
  package struct Connection: Sendable {
    /// The connection's slot in the limit of connections.
    package let slot: ConnectionSlot
    /// Who is at the other end.
    package let caller: Caller
  }

  /// Adds the handlers of a connection that speaks HTTP/2, on its event loop. What has arrived is passed on when the result is known.
  package typealias HTTP2Setup = @Sendable (any Channel, Connection) throws -> EventLoopFuture<Void>

  package struct Setup: Sendable {
    let encryption: Encryption?
    let timeout: TimeAmount
    package let service: RequestService
    let http2: HTTP2Setup

    /// Describes connections.
    ///
    /// - Parameters:
    ///   - encryption: how they are encrypted; nil for plaintext only.
    ///   - timeout: how long a connection may take until its protocol is known, TLS handshake included.
    ///   - service: answers requests over HTTP/1.1, and limits and counts all connections.
    ///   - http2: sets up the others.
    package init(encryption: Encryption?, timeout: Duration, service: RequestService, http2: @escaping HTTP2Setup) {
      self.encryption = encryption
      self.timeout = TimeAmount(timeout)
      self.service = service
      self.http2 = http2
    }

    /// Adds the handlers of a new connection, on its event loop.
    package func begin(_ channel: any Channel) throws {
      guard let slot = try service.place(for: channel, encryption: encryption) else { return }
      let deadline = NIODeadline.now() + timeout
      let setup = self
      guard let encryption else {
        let plain = EncryptionDetector.Result(isSecure: false)
        let classifier = ConnectionClassifier(setup: setup, slot: slot, connection: plain, deadline: deadline)
        return try channel.pipeline.syncOperations.addHandler(classifier)
      }
      let detector = EncryptionDetector(encryption, service: service, deadline: deadline) { channel, connection in
        let classifier = ConnectionClassifier(setup: setup, slot: slot, connection: connection, deadline: deadline)
        try channel.pipeline.syncOperations.addHandler(classifier)
      }
      try channel.pipeline.syncOperations.addHandler(detector)
    }
  }

  private enum State {
    case preface
    case decided
  }

  private static let preface = Array("PRI * HTTP/2.0".utf8)

  private let setup: Setup
  /// The connection's slot in the limit of connections.
  private let slot: ConnectionSlot
  private let connection: EncryptionDetector.Result
  private let deadline: NIODeadline
  private var state = State.preface
  private var buffer = ByteBuffer()
  private var timer: Scheduled<Void>?

  private init(setup: Setup, slot: ConnectionSlot, connection: EncryptionDetector.Result, deadline: NIODeadline) {
    self.setup = setup
    self.slot = slot
    self.connection = connection
    self.deadline = deadline
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    // Closes a connection that sends too little to be classified.
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      [channel = context.channel, counts = setup.service.counts] in
      counts.count(.late)
      channel.close(promise: nil)
    }
    if connection.negotiated == "h2" { configureHTTP2(context) }
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
  }

  package func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    context.fireChannelInactive()
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .decided = state { return context.fireErrorCaught(error) }
    context.close(promise: nil)
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .decided = state { return context.fireUserInboundEventTriggered(event) }
    switch event {
    case is ChannelShouldQuiesceEvent, ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    buffer.writeBuffer(&bytes)
    if case .preface = state { decide(context) }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    if case .decided = state { context.fireChannelReadComplete() }
  }

  private func decide(_ context: ChannelHandlerContext) {
    let seen = buffer.readableBytesView.prefix(Self.preface.count)
    guard !seen.isEmpty else { return }
    guard seen.elementsEqual(Self.preface.prefix(seen.count)) else { return configureHTTP1(context) }
    if seen.count == Self.preface.count { configureHTTP2(context) }
  }

  private func configureHTTP2(_ context: ChannelHandlerContext) {
    state = .decided
    let channel = context.channel
    let caller = Caller(
      of: channel.remoteAddress, isSecure: connection.isSecure, certificate: connection.certificate)
    do {
      try setup.http2(channel, Connection(slot: slot, caller: caller)).assumeIsolated().whenComplete { result in
        switch result {
        case .success: channel.pipeline.syncOperations.removeHandler(self, promise: nil)
        case .failure: channel.close(promise: nil)
        }
      }
    } catch {
      context.close(promise: nil)
    }
  }

  private func configureHTTP1(_ context: ChannelHandlerContext) {
    state = .decided
    do {
      try setup.service.configure(
        context.channel, slot: slot, isSecure: connection.isSecure, certificate: connection.certificate)
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
    } catch {
      context.close(promise: nil)
    }
  }

  package func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
    if buffer.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(buffer))
      context.fireChannelReadComplete()
      buffer = ByteBuffer()
    }
    context.leavePipeline(removalToken: removalToken)
  }
}
