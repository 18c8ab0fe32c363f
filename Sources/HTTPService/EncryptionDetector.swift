package import NIOCore
import NIOSSL
import NIOTLS

/// The first handler of a connection to a port that takes TLS: finds out whether the client uses it, does the handshake, passes the
/// connection on, and removes itself.
///
/// The first byte identifies TLS: a handshake record starts with 0x16, which no method of HTTP and no preface of HTTP/2 does.
package final class EncryptionDetector: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer

  /// What is known of a connection before its first decrypted byte.
  package struct Result: Sendable {
    /// Whether it uses TLS.
    package var isSecure: Bool
    /// The client's certificate as DER, if TLS has verified one.
    package var certificate: [UInt8]?
    /// The protocol that the client and the server agreed upon.
    package var negotiated: String?

    /// Makes a description.
    package init(isSecure: Bool, certificate: [UInt8]? = nil, negotiated: String? = nil) {
      self.isSecure = isSecure
      self.certificate = certificate
      self.negotiated = negotiated
    }
  }

  private enum State {
    case firstByte
    case handshake
    case decided
  }

  private let encryption: Encryption
  private let service: RequestService
  private let deadline: NIODeadline
  private let next: (any Channel, Result) throws -> Void
  private var state = State.firstByte
  /// The address of the client. The channel does not know it any more once it is closed.
  private var client: SocketAddress?
  private var buffer = ByteBuffer()
  private var timer: Scheduled<Void>?

  /// - Parameters:
  ///   - encryption: which connections are accepted.
  ///   - service: counts and logs connections that are refused.
  ///   - deadline: until when the client has to show what it speaks, handshake included.
  ///   - next: adds the handlers of the decided connection, on its event loop.
  package init(
    _ encryption: Encryption, service: RequestService, deadline: NIODeadline,
    next: @escaping (any Channel, Result) throws -> Void
  ) {
    self.encryption = encryption
    self.service = service
    self.deadline = deadline
    self.next = next
  }

  package func handlerAdded(context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      [channel = context.channel, counts = service.counts] in
      counts.count(.late)
      channel.close(promise: nil)
    }
  }

  package func handlerRemoved(context: ChannelHandlerContext) { stopTimer() }

  package func channelInactive(context: ChannelHandlerContext) {
    stopTimer()
    context.fireChannelInactive()
  }

  private func stopTimer() {
    timer?.cancel()
    timer = nil
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch state {
    case .decided: return context.fireErrorCaught(error)
    case .handshake:
      encryption.tls.handshakeFailed(error, from: Caller(of: client, isSecure: false, certificate: nil))
    case .firstByte: break
    }
    context.close(promise: nil)
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .decided = state { return context.fireUserInboundEventTriggered(event) }
    switch event {
    case is ChannelShouldQuiesceEvent, ChannelEvent.inputClosed:
      context.close(promise: nil)
    case TLSUserEvent.handshakeCompleted(let negotiated):
      let certificate = (try? context.pipeline.syncOperations.nioSSL_peerCertificate()).flatMap { try? $0.toDERBytes() }
      decide(context, Result(isSecure: true, certificate: certificate, negotiated: negotiated))
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    guard let first = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return }
    switch state {
    case .firstByte where first == 0x16: startTLS(context, bytes)
    case .firstByte:
      buffer.writeBuffer(&bytes)
      guard encryption.plaintext.allows(isLoopback: context.remoteAddress?.isLoopback ?? false) else {
        return refuse(context)
      }
      decide(context, Result(isSecure: false))
    case .handshake, .decided: buffer.writeBuffer(&bytes)
    }
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    if case .decided = state { context.fireChannelReadComplete() }
  }

  private func startTLS(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
    state = .handshake
    client = context.remoteAddress
    encryption.tls.began(context.channel)
    do {
      let handler = NIOSSLServerHandler(context: try encryption.tls.context())
      try context.pipeline.syncOperations.addHandler(handler, position: .before(self))
      context.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
      context.pipeline.syncOperations.fireChannelReadComplete()
    } catch {
      context.close(promise: nil)
    }
  }

  private func decide(_ context: ChannelHandlerContext, _ result: Result) {
    state = .decided
    stopTimer()
    do {
      try next(context.channel, result)
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
    } catch {
      context.close(promise: nil)
    }
  }

  private func refuse(_ context: ChannelHandlerContext) {
    state = .decided
    stopTimer()
    let refusal = RequestRefusal.plaintext
    service.note(
      refusal.reason,
      "the server refused a connection without TLS from \(context.remoteAddress?.ipAddress ?? "an unknown address"); "
        + "clients have to use https")
    do {
      try service.refuse(context.channel, refusal)
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
