import Crypto
package import Foundation
import MeshModel
import MeshXDS
import NIOSSL
import SwiftASN1
import SystemErrors
import X509

/// The certificate of the data plane server with its private key.
package struct ServerCertificate: Sendable {
  /// The certificate cannot be used.
  package struct Failure: Error, CustomStringConvertible {
    /// What is wrong and how to fix it.
    package let description: String
  }

  /// The certificate, with its chain if any, as PEM. Proxies have to trust it.
  package let certificatePEM: String
  /// The private key as PEM.
  package let privateKeyPEM: String

  /// Reads a certificate and its key.
  package static func load(certificateFile: String, keyFile: String) throws(Failure) -> ServerCertificate {
    func read(_ file: String) throws(Failure) -> String {
      do {
        return try String(contentsOfFile: file, encoding: .utf8)
      } catch {
        let reason = systemReason(error) ?? "it is not text"
        throw Failure(description: "the file \(file) cannot be read: \(reason); it must be in PEM form")
      }
    }
    let certificate = ServerCertificate(certificatePEM: try read(certificateFile), privateKeyPEM: try read(keyFile))
    do {
      _ = try certificate.makeContext()
    } catch {
      throw Failure(
        description: "\(certificateFile) and \(keyFile) are not a certificate and its key, in PEM form")
    }
    return certificate
  }

  /// The system's text for a file error; `nil` for other errors.
  private static func systemReason(_ error: any Error) -> String? {
    let system = error as? POSIXError ?? (error as? CocoaError)?.underlying as? POSIXError
    return system.map { SystemError($0.code.rawValue).description }
  }

  /// Loads `kuma-cp.crt` and `kuma-cp.key` from a directory. Creates them if they do not exist or are valid for less than a day.
  ///
  /// - Parameter hosts: names and addresses of the server for proxies, besides those of the loopback interface.
  package static func loadOrCreate(
    directory: String, hosts: [String], now: Date = Date()
  ) throws(Failure) -> ServerCertificate {
    let folder = URL(fileURLWithPath: directory, isDirectory: true)
    let certificateFile = folder.appendingPathComponent("kuma-cp.crt")
    let keyFile = folder.appendingPathComponent("kuma-cp.key")
    let files = FileManager.default
    if files.fileExists(atPath: certificateFile.path), files.fileExists(atPath: keyFile.path) {
      let existing = try load(certificateFile: certificateFile.path, keyFile: keyFile.path)
      if let leaf = try? Certificate(pemEncoded: existing.certificatePEM),
        leaf.notValidAfter > now.addingTimeInterval(86_400)
      {
        return existing
      }
    }
    do {
      let made = try make(hosts: hosts, now: now)
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      // The certificate is written last. Without its key it would look like a complete pair.
      try write(made.privateKeyPEM, to: keyFile, permissions: 0o600)
      try write(made.certificatePEM, to: certificateFile, permissions: 0o644)
      return made
    } catch {
      let reason = systemReason(error).map { ": \($0)" } ?? ""
      throw Failure(
        description:
          "no certificate can be made in \(directory); make the directory writable or configure a certificate\(reason)")
    }
  }

  private static func write(_ text: String, to file: URL, permissions: Int) throws {
    let draft = file.appendingPathExtension("new")
    try? FileManager.default.removeItem(at: draft)
    let attributes: [FileAttributeKey: Any] = [.posixPermissions: permissions]
    guard FileManager.default.createFile(atPath: draft.path, contents: Data(text.utf8), attributes: attributes) else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    guard rename(draft.path, file.path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
  }

  /// Creates a self-signed certificate that is valid for ten years.
  static func make(hosts: [String], now: Date = Date()) throws -> ServerCertificate {
    let key = P256.Signing.PrivateKey()
    let privateKey = Certificate.PrivateKey(key)
    let name = try DistinguishedName { CommonName("kuma-control-plane") }
    var names: [GeneralName] = []
    var seen: Set<String> = []
    for host in ["localhost", "127.0.0.1", "::1"] + hosts where !host.isEmpty && seen.insert(host).inserted {
      if let address = ipAddressBytes(host) {
        names.append(.ipAddress(ASN1OctetString(contentBytes: address[...])))
      } else {
        names.append(.dnsName(host))
      }
    }
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: privateKey.publicKey,
      notValidBefore: now.addingTimeInterval(-3_600), notValidAfter: now.addingTimeInterval(3_650 * 86_400),
      issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
        try ExtendedKeyUsage([.serverAuth])
        SubjectAlternativeNames(names)
      },
      issuerPrivateKey: privateKey)
    return ServerCertificate(
      certificatePEM: try certificate.serializeAsPEM().pemString + "\n", privateKeyPEM: key.pemRepresentation + "\n")
  }

  /// How long before the expiry the warnings start.
  private static let notice: TimeInterval = 30 * 86_400

  /// A warning about the certificate's dates; `nil` if there is nothing to warn about.
  ///
  /// - Parameter remedy: how to replace the certificate. It follows a semicolon.
  func warning(now: Date = Date(), remedy: String) -> String? {
    guard let leaf = try? Certificate(pemEncoded: certificatePEM) else { return nil }
    func text(_ date: Date) -> String { Timestamp(seconds: Int64(date.timeIntervalSince1970)).description }
    if leaf.notValidAfter < now {
      return
        "the certificate of the data plane server expired on \(text(leaf.notValidAfter)): proxies and clients that "
        + "check it refuse to connect; \(remedy)"
    }
    if now < leaf.notValidBefore {
      return "the certificate of the data plane server is not valid before \(text(leaf.notValidBefore)): proxies and "
        + "clients that check it refuse to connect; correct the clock of this machine, or \(remedy)"
    }
    guard leaf.notValidAfter < now.addingTimeInterval(Self.notice) else { return nil }
    return "the certificate of the data plane server expires on \(text(leaf.notValidAfter)); \(remedy) before then"
  }

  /// The time of the next warning; `nil` if there is none.
  func nextWarning(after now: Date) -> Date? {
    guard let leaf = try? Certificate(pemEncoded: certificatePEM) else { return nil }
    return [leaf.notValidAfter.addingTimeInterval(-Self.notice), leaf.notValidAfter.addingTimeInterval(1)].filter {
      $0 > now
    }.min()
  }

  /// The bytes of a numeric address in network order; `nil` for a host name.
  private static func ipAddressBytes(_ host: String) -> [UInt8]? {
    for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: length)
      if inet_pton(family, host, &bytes) == 1 { return bytes }
    }
    return nil
  }

  /// The names and addresses in the certificate; `nil` if it cannot be parsed.
  package var names: Set<String>? {
    guard let leaf = try? Certificate(pemEncoded: certificatePEM),
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

  private static func ipAddressText(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Checks a certificate that a proxy trusts.
  static func inspectAuthority(_ pem: String) -> BootstrapSettings.AuthorityVerdict {
    guard let certificate = try? Certificate(pemEncoded: pem) else { return .unreadable }
    guard let constraints = try? certificate.extensions.basicConstraints else { return .notAnAuthority }
    return constraints == .notCertificateAuthority ? .notAnAuthority : .usable
  }

  /// The TLS configuration of a server with this certificate: TLS 1.2 or later, HTTP/1.1 and gRPC.
  func makeContext() throws -> NIOSSLContext {
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificatePEM.utf8)).map {
      NIOSSLCertificateSource.certificate($0)
    }
    let key = try NIOSSLPrivateKey(bytes: Array(privateKeyPEM.utf8), format: .pem)
    var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    // The server chooses the protocol. Proxies offer only h2. A client that offers both wants the bootstrap.
    configuration.applicationProtocols = ["http/1.1", "h2"]
    return try NIOSSLContext(configuration: configuration)
  }
}
