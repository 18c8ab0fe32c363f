import Crypto
package import Foundation
import SwiftASN1
import X509

/// A certificate authority: it signs the certificates of servers and clients for those who trust it.
package struct CertificateAuthority: Sendable {
  /// The authority cannot be used.
  package struct Failure: Error, CustomStringConvertible {
    /// What is wrong.
    package let description: String
  }

  /// Its own certificate as PEM, which clients have to trust.
  package let certificatePEM: String
  /// Its private key as PEM.
  package let privateKeyPEM: String
  private let certificate: Certificate
  private let key: Certificate.PrivateKey

  /// Takes an authority's certificate and key.
  package init(certificatePEM: String, privateKeyPEM: String) throws(Failure) {
    do {
      certificate = try Certificate(pemEncoded: certificatePEM)
      key = try Certificate.PrivateKey(pemEncoded: privateKeyPEM)
    } catch {
      throw Failure(description: "the certificate or the key of the authority is not valid PEM")
    }
    guard certificate.publicKey == key.publicKey else {
      throw Failure(description: "the key of the authority is not that of its certificate")
    }
    guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else {
      throw Failure(description: "the certificate is not that of an authority")
    }
    self.certificatePEM = certificatePEM
    self.privateKeyPEM = privateKeyPEM
  }

  /// Makes an authority that signs itself.
  ///
  /// - Parameter lifetime: how long it is valid, in seconds.
  package static func make(
    commonName: String, lifetime: TimeInterval, now: Date = Date()
  ) throws -> CertificateAuthority {
    let pair = try CertificateTemplate(commonName: commonName, isAuthority: true, lifetime: lifetime).sign(now: now)
    return try CertificateAuthority(certificatePEM: pair.certificatePEM, privateKeyPEM: pair.privateKeyPEM)
  }

  /// Signs a certificate for a server.
  ///
  /// - Parameters:
  ///   - hosts: the names and addresses under which clients reach the server.
  ///   - lifetime: how long it is valid, in seconds.
  package func issue(
    commonName: String, hosts: [String], lifetime: TimeInterval, now: Date = Date()
  ) throws -> ServerCertificate {
    let pair = try CertificateTemplate(
      commonName: commonName, hosts: hosts, isAuthority: false, lifetime: lifetime
    ).sign(by: CertificateTemplate.Issuer(certificate: certificate, key: key), now: now)
    return ServerCertificate(certificatePEM: pair.certificatePEM, privateKeyPEM: pair.privateKeyPEM)
  }

  /// Signs a certificate for a client, which no server can use.
  ///
  /// - Parameters:
  ///   - name: the name by which servers know the client.
  ///   - lifetime: how long it is valid, in seconds.
  package func issueClient(
    name: String, lifetime: TimeInterval, now: Date = Date()
  ) throws -> (certificatePEM: String, privateKeyPEM: String) {
    try CertificateTemplate(
      commonName: name, hosts: [name], side: .client, isAuthority: false, lifetime: lifetime
    ).sign(by: CertificateTemplate.Issuer(certificate: certificate, key: key), now: now)
  }

  /// Whether the authority has signed a server's certificate.
  package func hasIssued(_ server: ServerCertificate) -> Bool {
    guard let leaf = server.leaf else { return false }
    return certificate.publicKey.isValidSignature(leaf.signature, for: leaf)
  }

  /// The time between which the authority is valid.
  package var validity: ClosedRange<Date> {
    let end = certificate.notValidAfter
    return min(certificate.notValidBefore, end)...end
  }
}
