import Foundation
package import Logging
import ServiceLifecycle

/// Warns about a server's certificate: at the start, a month before it expires, and when it has expired.
package struct CertificateWatch: Service {
  /// The longest sleep. After a longer one, a corrected clock would be noticed too late.
  private static let longestSleep: TimeInterval = 86_400

  private let certificate: ServerCertificate
  private let use: CertificateUse
  private let logger: Logger

  /// - Parameter use: what the certificate is for.
  package init(certificate: ServerCertificate, use: CertificateUse, logger: Logger) {
    self.certificate = certificate
    self.use = use
    self.logger = logger
  }

  package func run() async throws {
    while true {
      if let warning = certificate.warning(use: use) { logger.warning("\(warning)") }
      guard let next = certificate.nextWarning(after: Date()) else { break }
      while next > Date() {
        let seconds = min(next.timeIntervalSinceNow, Self.longestSleep)
        do {
          try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(max(1, seconds))) }
        } catch {
          return
        }
      }
    }
    // If a service returns, the service group stops the program.
    try? await gracefulShutdown()
  }
}
