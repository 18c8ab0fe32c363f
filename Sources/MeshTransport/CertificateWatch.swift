import Foundation
package import Logging
import ServiceLifecycle

/// Warns about the data plane server's certificate: at the start, a month before it expires, and when it has expired.
package struct CertificateWatch: Service {
  /// The longest sleep. After a longer one, a corrected clock would be noticed too late.
  private static let longestSleep: TimeInterval = 86_400

  private let certificate: ServerCertificate
  private let remedy: String
  private let logger: Logger

  /// - Parameter remedy: how to replace the certificate, as part of a warning.
  package init(certificate: ServerCertificate, remedy: String, logger: Logger) {
    self.certificate = certificate
    self.remedy = remedy
    self.logger = logger
  }

  package func run() async throws {
    while true {
      if let warning = certificate.warning(remedy: remedy) { logger.warning("\(warning)") }
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
