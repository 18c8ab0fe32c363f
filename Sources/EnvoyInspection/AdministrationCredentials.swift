import NIOSSL

/// With what the control plane proves to the Envoys of pods who it is, and by what it knows them.
package struct AdministrationCredentials: Sendable {
  /// The TLS configuration of connections to Envoys.
  let tls: TLSConfiguration

  /// Reads the certificates.
  ///
  /// - Parameters:
  ///   - certificate: the certificate of this control plane, as PEM.
  ///   - privateKey: the private key of that certificate, as PEM.
  ///   - authority: the authority that has to have signed the certificates of Envoys, as PEM.
  /// - Throws: an error if one of them cannot be read.
  package init(certificate: String, privateKey: String, authority: String) throws {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map { .certificate($0) }
    tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(privateKey.utf8), format: .pem))
    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
    tls.minimumTLSVersion = .tlsv12
    // Envoys are asked at their addresses, and all have one certificate. The authority signs no other certificate of servers.
    tls.certificateVerification = .noHostnameVerification
    self.tls = tls
  }
}
