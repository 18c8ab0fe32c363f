import Crypto
import Foundation
import HummingbirdCore
import HummingbirdTLS
import NIOSSL
import SwiftASN1
import X509

/// A certificate that signs itself, for a server of a test.
struct TestAuthority {
  /// The certificate as PEM.
  let certificate: String
  /// Its key as PEM.
  let key: String

  /// - Parameters:
  ///   - name: the host name that the certificate is for.
  ///   - begin: when it begins to be valid, in seconds from now.
  ///   - end: when it expires, in seconds from now.
  init(for name: String, from begin: TimeInterval = -3600, to end: TimeInterval = 86_400) throws {
    let key = P256.Signing.PrivateKey()
    let privateKey = Certificate.PrivateKey(key)
    let subject = try DistinguishedName { CommonName("test") }
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: privateKey.publicKey,
      notValidBefore: Date.now.addingTimeInterval(begin), notValidAfter: Date.now.addingTimeInterval(end),
      issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        SubjectAlternativeNames([.dnsName(name)])
      },
      issuerPrivateKey: privateKey)
    self.certificate = try certificate.serializeAsPEM().pemString
    self.key = key.pemRepresentation
  }

  /// A server that speaks HTTP/1.1 over TLS.
  ///
  /// - Parameter clients: the certificate in PEM that those of clients have to be signed by; nil if none is asked for.
  func server(trusting clients: String? = nil) throws -> HTTPServerBuilder {
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)
    var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
    if let clients {
      configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(clients.utf8)))
      configuration.certificateVerification = .noHostnameVerification
      // With it the refusal ends the handshake: it cannot be lost behind a request.
      configuration.maximumTLSVersion = .tlsv12
    }
    return try .tls(.http1(), tlsConfiguration: configuration)
  }
}
