import GRPCNIOTransportHTTP2
import HTTPService
import NIOCore

/// Detects the protocol of a new connection, gRPC or HTTP/1.1, sets up its pipeline, and removes itself. ``EncryptionDetector`` comes
/// before it.
///
/// ALPN identifies gRPC (`h2`). Without ALPN the first bytes do, since HTTP/2 starts with a fixed preface (RFC 9113, section 3.4).
final class ConnectionClassifier: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  struct Setup: Sendable {
    let encryption: Encryption?
    let timeout: TimeAmount
    let connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    let bootstrap: RequestService
    let frames: FrameGuard.Setup

    /// Adds the handlers of a new connection, on its event loop.
    func begin(_ channel: any Channel) throws {
      guard let slot = try bootstrap.place(for: channel, encryption: encryption) else { return }
      let deadline = NIODeadline.now() + timeout
      let setup = self
      guard let encryption else {
        let plain = EncryptionDetector.Result(isSecure: false)
        let classifier = ConnectionClassifier(setup: setup, slot: slot, connection: plain, deadline: deadline)
        return try channel.pipeline.syncOperations.addHandler(classifier)
      }
      let detector = EncryptionDetector(encryption, service: bootstrap, deadline: deadline) { channel, connection in
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
  private let slot: ConnectionSlot?
  private let connection: EncryptionDetector.Result
  private let deadline: NIODeadline
  private var state = State.preface
  private var buffer = ByteBuffer()
  private var timer: Scheduled<Void>?

  private init(setup: Setup, slot: ConnectionSlot?, connection: EncryptionDetector.Result, deadline: NIODeadline) {
    self.setup = setup
    self.slot = slot
    self.connection = connection
    self.deadline = deadline
  }

  func handlerAdded(context: ChannelHandlerContext) {
    // Closes a connection that sends too little to be classified.
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      [channel = context.channel, counts = setup.bootstrap.counts] in
      counts.count(.late)
      channel.close(promise: nil)
    }
    if connection.negotiated == "h2" { configureDiscovery(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .decided = state { return context.fireErrorCaught(error) }
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .decided = state { return context.fireUserInboundEventTriggered(event) }
    guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
    context.close(promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    buffer.writeBuffer(&bytes)
    if case .preface = state { decide(context) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if case .decided = state { context.fireChannelReadComplete() }
  }

  private func decide(_ context: ChannelHandlerContext) {
    let seen = buffer.readableBytesView.prefix(Self.preface.count)
    guard !seen.isEmpty else { return }
    guard seen.elementsEqual(Self.preface.prefix(seen.count)) else { return configureBootstrap(context) }
    if seen.count == Self.preface.count { configureDiscovery(context) }
  }

  private func configureDiscovery(_ context: ChannelHandlerContext) {
    state = .decided
    slot?.beginHTTP2()
    let channel = context.channel
    let tls: HTTP2ServerTransport.ConnectionConfigurator.TLS =
      connection.isSecure ? .configured(requireALPN: false) : .none
    do {
      let caller = Caller(of: channel.remoteAddress, isSecure: self.connection.isSecure, certificate: nil)
      let frames = FrameGuard(setup: setup.frames, caller: caller, slot: slot)
      try context.pipeline.syncOperations.addHandlers([SmallBuffers(), frames], position: .after(self))
    } catch {
      return context.close(promise: nil)
    }
    setup.connectionConfigurator.configure(channel: channel, tls: tls).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let connection):
        ConnectionAcceptor.deliver(connection, of: channel)
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
      case .failure:
        channel.close(promise: nil)
      }
    }
  }

  private func configureBootstrap(_ context: ChannelHandlerContext) {
    state = .decided
    do {
      try setup.bootstrap.configure(
        context.channel, slot: slot, isSecure: connection.isSecure, certificate: connection.certificate)
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
    } catch {
      context.close(promise: nil)
    }
  }

  func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
    if buffer.readableBytes > 0 {
      context.fireChannelRead(wrapInboundOut(buffer))
      context.fireChannelReadComplete()
      buffer = ByteBuffer()
    }
    context.leavePipeline(removalToken: removalToken)
  }
}
