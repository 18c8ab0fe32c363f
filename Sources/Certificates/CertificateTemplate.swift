import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate that is to be made, with a new key on the curve P-256.
struct CertificateTemplate {
  /// A certificate and its private key, both as PEM.
  typealias Pair = (certificatePEM: String, privateKeyPEM: String)

  /// The authority that signs.
  struct Issuer {
    let certificate: Certificate
    let key: Certificate.PrivateKey
  }

  /// Which side of a connection shows a certificate.
  enum Side {
    case server
    case client
  }

  let commonName: String
  /// The names and addresses of a server, or the names of a client.
  var hosts: [String] = []
  /// Who shows the certificate; the other side refuses it.
  var side = Side.server
  /// Whether other certificates may be signed with it.
  let isAuthority: Bool
  /// In seconds.
  let lifetime: TimeInterval

  /// How long before its making a certificate is valid, since clocks differ.
  private static let tolerance: TimeInterval = 3_600

  /// Makes the certificate.
  ///
  /// - Parameter issuer: the authority; `nil` for a certificate that signs itself.
  func sign(by issuer: Issuer? = nil, now: Date) throws -> Pair {
    let key = P256.Signing.PrivateKey()
    let own = Certificate.PrivateKey(key)
    let subject = try DistinguishedName { CommonName(commonName) }
    let names = hostNames
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: own.publicKey,
      notValidBefore: now.addingTimeInterval(-Self.tolerance), notValidAfter: now.addingTimeInterval(lifetime),
      issuer: issuer?.certificate.subject ?? subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(
          isAuthority ? BasicConstraints.isCertificateAuthority(maxPathLength: nil) : .notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true, keyCertSign: isAuthority))
        // Clients tell authorities of the same name apart by these.
        SubjectKeyIdentifier(hash: own.publicKey)
        if let key = (try issuer?.certificate.extensions.subjectKeyIdentifier)?.keyIdentifier {
          AuthorityKeyIdentifier(keyIdentifier: key)
        }
        if !names.isEmpty {
          try ExtendedKeyUsage([side == .server ? .serverAuth : .clientAuth])
          SubjectAlternativeNames(names)
        }
      },
      issuerPrivateKey: issuer?.key ?? own)
    return (try certificate.serializeAsPEM().pemString + "\n", key.pemRepresentation + "\n")
  }

  private var hostNames: [GeneralName] {
    var names: [GeneralName] = []
    var seen: Set<String> = []
    for host in hosts where !host.isEmpty && seen.insert(host).inserted {
      if let address = Self.ipAddressBytes(host) {
        names.append(.ipAddress(ASN1OctetString(contentBytes: address[...])))
      } else {
        names.append(.dnsName(host))
      }
    }
    return names
  }

  /// A host in the form that names in certificates have; `nil` for what is neither an address nor a name, which may begin with `*.`.
  static func name(of host: String) -> String? {
    if let bytes = ipAddressBytes(host) { return ServerCertificate.ipAddressText(bytes) }
    let name = (host.hasSuffix(".") ? host.dropLast() : host[...]).lowercased()
    let labels = (name.hasPrefix("*.") ? name.dropFirst(2) : name[...]).split(
      separator: ".", omittingEmptySubsequences: false)
    let isName =
      name.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count)
          && label.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
              || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
              || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
          }
      }
    return isName ? name : nil
  }

  /// The bytes of a numeric address in network order; `nil` for a host name.
  private static func ipAddressBytes(_ host: String) -> [UInt8]? {
    for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: length)
      if inet_pton(family, host, &bytes) == 1 { return bytes }
    }
    return nil
  }
}
