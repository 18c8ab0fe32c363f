package import Foundation
import NIOCore
package import NIOSSL
import SwiftASN1
import SystemErrors
import X509

/// The certificate of a server with its private key.
package struct ServerCertificate: Sendable, Hashable {
  /// The certificate cannot be used.
  package struct Failure: Error, CustomStringConvertible {
    /// What is wrong and how to fix it.
    package let description: String
  }

  /// The certificate, with its chain if any, as PEM. Clients have to trust it.
  package let certificatePEM: String
  /// The private key as PEM.
  package let privateKeyPEM: String

  /// Takes a certificate and its key, which are checked when they are used.
  package init(certificatePEM: String, privateKeyPEM: String) {
    self.certificatePEM = certificatePEM
    self.privateKeyPEM = privateKeyPEM
  }

  /// Reads a certificate and its key.
  package static func load(certificateFile: String, keyFile: String) throws(Failure) -> ServerCertificate {
    func read(_ file: String) throws(Failure) -> String {
      do {
        return try String(contentsOfFile: file, encoding: .utf8)
      } catch {
        let reason = systemReason(error) ?? "it is not text"
        throw Failure(
          description:
            "the file \(file) cannot be read: \(reason); the user that runs the program has to be able to read it")
      }
    }
    let certificate = ServerCertificate(certificatePEM: try read(certificateFile), privateKeyPEM: try read(keyFile))
    do {
      _ = try certificate.makeContext(protocols: [])
    } catch {
      throw Failure(
        description: "\(certificateFile) and \(keyFile) are not a certificate and its key, in PEM form")
    }
    return certificate
  }

  /// The system's text for a file error; `nil` for other errors.
  static func systemReason(_ error: any Error) -> String? {
    let system = error as? POSIXError ?? (error as? CocoaError)?.underlying as? POSIXError
    return system.map { SystemError($0.code.rawValue).description }
  }

  /// Creates a self-signed certificate that is valid for ten years. It is an authority, with which those of servers can be signed.
  package static func make(hosts: [String], now: Date = Date()) throws -> ServerCertificate {
    let pair = try CertificateTemplate(
      commonName: "kuma-control-plane",
      hosts: (["localhost", "127.0.0.1", "::1"] + hosts).compactMap(CertificateTemplate.name(of:)), isAuthority: true,
      lifetime: 3_650 * 86_400
    ).sign(now: now)
    return ServerCertificate(certificatePEM: pair.certificatePEM, privateKeyPEM: pair.privateKeyPEM)
  }

  /// The last certificate of the chain as PEM.
  var lastOfChain: String {
    let start = "-----BEGIN CERTIFICATE-----"
    guard let last = certificatePEM.ranges(of: start).last else { return certificatePEM }
    return String(certificatePEM[last.lowerBound...])
  }

  /// The certificate itself, which is the first of the chain; `nil` if it cannot be parsed.
  var leaf: Certificate? {
    let end = "-----END CERTIFICATE-----"
    guard let first = certificatePEM.firstRange(of: end) else { return nil }
    return try? Certificate(pemEncoded: String(certificatePEM[..<first.upperBound]))
  }

  /// The names and addresses in the certificate; `nil` if it cannot be parsed.
  package var names: Set<String>? {
    guard let leaf,
      let alternatives = try? leaf.extensions.subjectAlternativeNames
    else { return nil }
    return Set(
      alternatives.compactMap { name in
        switch name {
        case .dnsName(let name): name
        case .ipAddress(let octets): Self.ipAddressText(Array(octets.bytes))
        default: nil
        }
      })
  }

  static func ipAddressText(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The TLS configuration of a server with this certificate: TLS 1.2 or later.
  ///
  /// - Parameters:
  ///   - protocols: the protocols that clients may negotiate, the best first.
  ///   - clients: which certificates of clients are accepted.
  package func makeContext(protocols: [String], clients: ClientTrust = ClientTrust()) throws -> NIOSSLContext {
    var configuration = try makeConfiguration(protocols: protocols)
    try clients.configure(&configuration)
    return try NIOSSLContext(configuration: configuration)
  }

  /// How long a server that closes a connection waits for the client's part of the end. API servers leave the connections of
  /// their webhooks open, and a control plane that ends would wait for them.
  private static let closingTime = TimeAmount.seconds(1)

  func makeConfiguration(protocols: [String]) throws -> TLSConfiguration {
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(bytes: Array(privateKeyPEM.utf8), format: .pem)
    var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = protocols
    configuration.shutdownTimeout = Self.closingTime
    return configuration
  }
}
