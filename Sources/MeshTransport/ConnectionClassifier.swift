import GRPCNIOTransportHTTP2
import HTTPService
import NIOCore
import NIOSSL
import NIOTLS

/// Detects the protocol of a new connection (TLS or plaintext, gRPC or HTTP/1.1), sets up its pipeline, and removes itself.
///
/// The first byte identifies TLS: a handshake record starts with 0x16. ALPN identifies gRPC (`h2`). Without ALPN the first bytes
/// do, since HTTP/2 starts with a fixed preface (RFC 9113, section 3.4).
final class ConnectionClassifier: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  struct Setup: Sendable {
    let tls: NIOSSLContext?
    let timeout: TimeAmount
    let connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    let bootstrap: RequestService
  }

  private enum State {
    case firstByte
    case handshake
    case preface
    case decided
  }

  private static let preface = Array("PRI * HTTP/2.0".utf8)

  private let setup: Setup
  /// The connection's slot in the limit of connections.
  private let slot: ConnectionSlot?
  private var state = State.firstByte
  private var isTLS = false
  private var buffer = ByteBuffer()
  private var timer: Scheduled<Void>?

  init(setup: Setup, slot: ConnectionSlot?) {
    self.setup = setup
    self.slot = slot
  }

  func handlerAdded(context: ChannelHandlerContext) {
    // Closes a connection that sends too little to be classified.
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: setup.timeout) { [channel = context.channel] in
      channel.close(promise: nil)
    }
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
    switch event {
    case is ChannelShouldQuiesceEvent:
      context.close(promise: nil)
    case TLSUserEvent.handshakeCompleted(let negotiated):
      if negotiated == "h2" {
        configureDiscovery(context)
      } else {
        state = .preface
        decide(context)
      }
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
    switch state {
    case .firstByte:
      if first == 0x16 {
        startTLS(context, bytes)
      } else {
        state = .preface
        buffer.writeBuffer(&bytes)
        decide(context)
      }
    case .handshake, .preface, .decided:
      buffer.writeBuffer(&bytes)
      if case .preface = state { decide(context) }
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if case .decided = state { context.fireChannelReadComplete() }
  }

  private func startTLS(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
    guard let tls = setup.tls else { return context.close(promise: nil) }
    state = .handshake
    isTLS = true
    do {
      let handler = NIOSSLServerHandler(context: tls)
      try context.pipeline.syncOperations.addHandler(handler, position: .before(self))
      context.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
      context.pipeline.syncOperations.fireChannelReadComplete()
    } catch {
      context.close(promise: nil)
    }
  }

  private func decide(_ context: ChannelHandlerContext) {
    let seen = buffer.readableBytesView.prefix(Self.preface.count)
    guard !seen.isEmpty else { return }
    guard seen.elementsEqual(Self.preface.prefix(seen.count)) else { return configureBootstrap(context) }
    if seen.count == Self.preface.count { configureDiscovery(context) }
  }

  private func configureDiscovery(_ context: ChannelHandlerContext) {
    state = .decided
    // A gRPC connection may be idle for hours and must not be closed in favor of others.
    slot?.keep()
    let channel = context.channel
    let tls: HTTP2ServerTransport.ConnectionConfigurator.TLS = isTLS ? .configured(requireALPN: false) : .none
    do {
      try context.pipeline.syncOperations.addHandler(SmallBuffers(), position: .after(self))
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
      try setup.bootstrap.configure(context.channel, slot: slot, isSecure: isTLS)
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
