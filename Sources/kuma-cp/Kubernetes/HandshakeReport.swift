import ConnectionFaults
import HTTPService
import Logging
import Synchronization

/// Logs that the API server does not accept the certificate of the admission server, at most once a minute. Otherwise only those who
/// use kubectl would see it.
final class HandshakeReport: Sendable {
  private let logger: Logger
  private let last = Mutex(ContinuousClock.Instant?.none)

  init(logger: Logger) { self.logger = logger }

  /// Takes the error of a client's handshake.
  func note(_ error: any Error, from caller: Caller) {
    // Connections that are given up for other reasons tell of no certificate.
    guard let fault = CertificateFault(ofHandshake: error), case .ofServer = fault else { return }
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
      """, metadata: ["error": "\(fault.words)", "remote": "\(caller.address ?? "unknown")"])
  }
}
