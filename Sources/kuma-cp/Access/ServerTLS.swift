import Certificates
import ConnectionFaults
import HTTPService
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The TLS of one server: new connections get the newest certificate, and are checked against the newest certificates of clients.
final class ServerTLS: TLSSource {
  private struct Cached {
    var certificate: Int
    var clients: Int
    var context: NIOSSLContext
  }

  private let certificate: ReloadableCertificate
  private let clients: ClientAuthorities?
  private let protocols: [String]
  private let refusals: RefusalLog
  private let logger: Logger
  private let cached = Mutex<Cached?>(nil)

  /// - Parameters:
  ///   - server: the name of the server in logs.
  ///   - clients: the certificates of clients; `nil` for a server that asks for none.
  ///   - protocols: the protocols that clients may negotiate, the best first.
  init(
    _ certificate: ReloadableCertificate, server: String, clients: ClientAuthorities? = nil,
    protocols: [String] = ["http/1.1"], logger: Logger
  ) {
    self.certificate = certificate
    self.clients = clients
    self.protocols = protocols
    self.logger = logger
    refusals = RefusalLog(server: server)
  }

  func context() throws -> NIOSSLContext {
    let (certificate, number) = certificate.numbered
    let (trust, clientNumber) = clients?.numbered ?? (ClientTrust(), 0)
    return try cached.withLock { cached in
      if let cached, cached.certificate == number, cached.clients == clientNumber { return cached.context }
      let context = try certificate.makeContext(protocols: protocols, clients: trust)
      cached = Cached(certificate: number, clients: clientNumber, context: context)
      return context
    }
  }

  func began(_ channel: any Channel) { clients?.watch(channel) }

  func handshakeFailed(_ error: any Error, from caller: Caller) {
    // Others have nothing to do with certificates: scanners, and clients that give up.
    guard let fault = CertificateFault(ofHandshake: error) else { return }
    let sentence =
      switch fault {
      case .ofServer: "a client refused the server"
      case .ofClient: "the server refused access"
      }
    refusals.note(fault.words, operation: "TLS", caller: caller, to: logger, sentence: sentence)
  }
}
