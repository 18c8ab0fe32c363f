import NIOSSL

/// Which certificates of clients a server accepts.
package struct ClientTrust: Sendable, Hashable {
  /// The certificates of authorities, or of clients themselves, as PEM; without any, no client is asked for its certificate.
  package var certificates: [String]
  /// Whether a client without a certificate is refused.
  package var isRequired: Bool

  /// Makes a description; by default clients are not asked.
  package init(certificates: [String] = [], isRequired: Bool = false) {
    self.certificates = certificates
    self.isRequired = isRequired
  }

  /// - Throws: if a text holds no certificates.
  package func check() throws {
    for text in certificates { _ = try NIOSSLCertificate.fromPEMBytes(Array(text.utf8)) }
  }

  func configure(_ configuration: inout TLSConfiguration) throws {
    guard !certificates.isEmpty || isRequired else { return }
    configuration.trustRoots = .certificates(
      try certificates.flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) })
    configuration.certificateVerification = isRequired ? .noHostnameVerification : .optionalVerification
  }
}
