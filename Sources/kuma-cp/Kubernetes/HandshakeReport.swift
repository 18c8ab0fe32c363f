import Documents
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// Logs that the API server does not accept the certificate of the admission server. Otherwise only those who use kubectl would
/// see it.
final class HandshakeReport: ChannelInboundHandler {
  typealias InboundIn = NIOAny

  /// Writes a line at most once a minute.
  final class Log: Sendable {
    private let logger: Logger
    private let last = Mutex(ContinuousClock.Instant?.none)

    init(logger: Logger) { self.logger = logger }

    func note(_ error: any Error) {
      let now = ContinuousClock.now
      let isDue = last.withLock { last in
        if let last, now - last < .seconds(60) { return false }
        last = now
        return true
      }
      guard isDue else { return }
      logger.warning(
        """
        a client refuses the certificate of the admission server: the caBundle of the webhook configurations has to hold its \
        authority, and its time has to be right on both machines
        """, metadata: ["error": "\("\(error)".printable(atMost: 300))"])
    }
  }

  private let log: Log

  init(_ log: Log) { self.log = log }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // TLS tells with an alert why it refuses a certificate. Connections that are given up for other reasons have none.
    if case NIOSSLError.handshakeFailed(let cause) = error, "\(cause)".contains("ALERT") { log.note(cause) }
    context.fireErrorCaught(error)
  }
}
