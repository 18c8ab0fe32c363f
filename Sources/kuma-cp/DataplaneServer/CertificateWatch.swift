import Foundation
import Logging
import ServiceLifecycle

/// Warns of the data plane server's certificate: at the start, a month before it expires, and when it has expired.
struct CertificateWatch: Service {
  /// Sleeping for longer at a time would miss a clock that is corrected.
  private static let rest: TimeInterval = 86_400

  let certificate: ServerCertificate
  let logger: Logger

  func run() async throws {
    while true {
      if let warning = certificate.warning() { logger.warning("\(warning)") }
      guard let next = certificate.nextWarning(after: Date()) else { break }
      while next > Date() {
        let seconds = min(next.timeIntervalSinceNow, Self.rest)
        do {
          try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(max(1, seconds))) }
        } catch {
          return
        }
      }
    }
    // A service that returns ends the program.
    try? await gracefulShutdown()
  }
}
