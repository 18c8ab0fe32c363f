import Documents
import Logging
import NIOSSL
import Synchronization

/// Logs that the API server does not accept the certificate of the admission server, at most once a minute. Otherwise only those who
/// use kubectl would see it.
final class HandshakeReport: Sendable {
  private let logger: Logger
  private let last = Mutex(ContinuousClock.Instant?.none)

  init(logger: Logger) { self.logger = logger }

  /// Takes the error of a handshake.
  func note(_ error: any Error) {
    // TLS tells with an alert why it refuses a certificate. Connections that are given up for other reasons have none.
    guard case NIOSSLError.handshakeFailed(let cause) = error, "\(cause)".contains("ALERT") else { return }
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
      """, metadata: ["error": "\("\(cause)".printable(atMost: 300))"])
  }
}
