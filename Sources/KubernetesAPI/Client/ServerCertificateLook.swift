import Documents
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Looks at the certificate that the API server shows, to say why it is not trusted: the errors of TLS do not say it.
struct ServerCertificateLook {
  let access: KubernetesAccess

  /// What is wrong and what to do.
  ///
  /// - Parameters:
  ///   - error: the error of TLS.
  ///   - time: how long the look may take.
  func words(_ error: any Error, time: Duration) async -> String {
    let text = "\(error)"
    let isOtherName = error is NIOSSLExtraError
    guard isOtherName || text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("unableToValidateCertificate")
    else {
      let isPlain = text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST")
      return isPlain
        ? "the server there does not speak TLS; check the server of \(access.origin)"
        : "no TLS connection could be made: \(text.printable(atMost: 300))"
    }
    if let leaf = try? await within(time, leaf), let fault = Self.fault(of: leaf, now: .wallClock) { return fault }
    let host = access.serverName ?? access.host ?? access.server
    return isOtherName
      ? "the API server's certificate is not for \(host.quoted); set tls-server-name of \(access.origin) to a name in it"
      : "the API server's certificate is not signed by the certificate authority of \(access.origin); correct "
        + "certificate-authority there"
  }

  /// What is wrong with the time of a certificate; `nil` when it is valid now.
  static func fault(of certificate: NIOSSLCertificate, now: Timestamp) -> String? {
    let begin = Timestamp(seconds: Int64(certificate.notValidBefore))
    let end = Timestamp(seconds: Int64(certificate.notValidAfter))
    if now < begin {
      return
        "the API server's certificate is not valid before \(begin), and the clock of this machine says \(now): set "
        + "the clock"
    }
    guard end < now else { return nil }
    return "the API server's certificate has expired at \(end), and the clock of this machine says \(now): renew the "
      + "certificate, or set the clock"
  }

  /// The certificate that the server shows. Nothing is asked of it.
  private func leaf() async throws -> NIOSSLCertificate {
    guard let host = access.host, let port = access.port else { throw NIOSSLError.noCertificateToValidate }
    let found = Found()
    let context = try NIOSSLContext(configuration: .makeClientConfiguration())
    let name = access.serverName ?? host
    let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let handler = try NIOSSLClientHandler(
            context: context, serverHostname: isAddress ? nil : name,
            customVerificationCallback: { chain, promise in
              found.certificate.withLock { $0 = chain.first }
              promise.succeed(.failed)
            })
          try channel.pipeline.syncOperations.addHandlers(handler, Closing())
        }
      }
      .connect(host: host, port: port).get()
    try? await channel.closeFuture.get()
    guard let certificate = found.certificate.withLock({ $0 }) else { throw NIOSSLError.noCertificateToValidate }
    return certificate
  }

  private final class Found: Sendable {
    let certificate = Mutex<NIOSSLCertificate?>(nil)
  }

  private final class Closing: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}

extension Timestamp {
  /// What the clock of this machine says, in whole seconds.
  static var wallClock: Timestamp { Timestamp(seconds: Int64(time(nil))) }
}
