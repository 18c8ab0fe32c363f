import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

/// The connections to the API server: one pool for requests, and one for watches, so that watches never keep requests
/// waiting where the server speaks HTTP/1.1 only. With HTTP/2 the watches have one connection.
final class Transport: Sendable {
  /// The pool for requests.
  let requests: HTTPClient
  /// The client certificate that these connections show.
  let certificate: CertificatePair?
  private let configuration: HTTPClient.Configuration
  private let state = Mutex(State())

  private struct State {
    /// Whether the server speaks HTTP/2; `nil` before its first answer.
    var isHTTP2: Bool?
    var watches: HTTPClient?
    var isClosed = false
  }

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
    self.configuration = configuration
    requests = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    self.certificate = certificate
  }

  deinit { close() }

  /// Closes every connection. What runs on them fails.
  func close() {
    let watches = state.withLock { state in
      state.isClosed = true
      return state.watches
    }
    requests.shutdown { _ in }
    watches?.shutdown { _ in }
  }

  /// Notes the version of HTTP that an answer came with.
  ///
  /// - Returns: whether the pools are made for it; if not, these connections are better not used any more.
  func note(_ version: HTTPVersion) -> Bool {
    state.withLock { state in
      if state.isHTTP2 == nil { state.isHTTP2 = version.major >= 2 }
      return state.isHTTP2 == (version.major >= 2)
    }
  }

  /// The pool for watches; `nil` before the first answer to a request.
  ///
  /// The pool would open a connection for each of several watches that begin at once, as it does not know yet that one is
  /// enough with HTTP/2. Then a check of the connection could go over another one than the watch.
  var watches: HTTPClient? {
    state.withLock { state in
      if let watches = state.watches { return watches }
      guard let isHTTP2 = state.isHTTP2, !state.isClosed else { return nil }
      var configuration = configuration
      configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = isHTTP2 ? 1 : Self.watchLimit
      let watches = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
      state.watches = watches
      return watches
    }
  }

  private static func tls(
    _ access: KubernetesAccess, certificate: CertificatePair?
  ) throws(KubernetesAccess.Failure) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    if access.trust == .anything { tls.certificateVerification = .none }
    do {
      if let roots = try access.trust.certificates() { tls.trustRoots = .certificates(roots) }
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

extension KubernetesAccess.Trust {
  /// The certificates that are trusted instead of the system's; `nil` where none are named.
  func certificates() throws -> [NIOSSLCertificate]? {
    guard let pem = try bytes() else { return nil }
    let roots = try NIOSSLCertificate.fromPEMBytes(pem)
    guard !roots.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
    return roots
  }
}
