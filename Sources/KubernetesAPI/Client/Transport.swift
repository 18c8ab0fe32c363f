import AsyncHTTPClient
import NIOCore
import NIOSSL

/// The connections to the API server: one pool for requests, and one for watches, so that watches never keep requests
/// waiting where the server speaks HTTP/1.1 only. With HTTP/2 each pool is one connection.
final class Transport: Sendable {
  /// The two pools.
  enum Pool: Sendable {
    case requests
    case watches
  }

  private let requests: HTTPClient
  private let watches: HTTPClient
  /// The client certificate that these connections show.
  let certificate: CertificatePair?

  /// Watches over HTTP/1.1 that may run at the same time.
  private static let watchLimit = 64

  init(
    _ access: KubernetesAccess, certificate: CertificatePair?, connectTime: TimeAmount
  ) throws(KubernetesAccess.Failure) {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    // A refused connection is an error at once, and not after the time limit.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.timeout.connect = connectTime
    configuration.tlsConfiguration = try Self.tls(access, certificate: certificate)
    if let name = access.serverName, let host = access.host { configuration.dnsOverride = [name: host] }
    requests = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.watchLimit
    watches = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    self.certificate = certificate
  }

  deinit { close() }

  subscript(pool: Pool) -> HTTPClient {
    switch pool {
    case .requests: requests
    case .watches: watches
    }
  }

  /// Closes every connection. What runs on them fails.
  func close() {
    requests.shutdown { _ in }
    watches.shutdown { _ in }
  }

  private static func tls(
    _ access: KubernetesAccess, certificate: CertificatePair?
  ) throws(KubernetesAccess.Failure) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    if access.trust == .anything { tls.certificateVerification = .none }
    do {
      if let pem = try access.trust.bytes() {
        let roots = try NIOSSLCertificate.fromPEMBytes(pem)
        guard !roots.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
        tls.trustRoots = .certificates(roots)
      }
    } catch let failure as KubernetesAccess.Failure {
      throw failure
    } catch {
      throw KubernetesAccess.Failure(
        code: .badConfiguration,
        message: "\(access.origin): the cluster's certificate authority holds no certificate in PEM form")
    }
    guard let certificate else { return tls }
    do {
      tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate.certificate).map { .certificate($0) }
      tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: certificate.key, format: .pem))
      guard !tls.certificateChain.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
    } catch {
      throw KubernetesAccess.Failure(
        code: .badConfiguration,
        message: "\(access.origin): the client certificate and its key are not both in PEM form")
    }
    return tls
  }
}
