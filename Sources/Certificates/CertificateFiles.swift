package import Foundation
import SystemErrors

extension ReloadableCertificate.Source {
  /// The certificate of a directory: an authority in `kuma-cp.crt` and `kuma-cp.key`, which is made if there is none or if it is valid
  /// for less than a day. If the files hold a certificate that is not that of an authority, it is the server's.
  ///
  /// - Parameter hosts: the names and addresses of the servers.
  package static func own(
    directory: String, hosts: @escaping @Sendable () -> [String], now: Date = Date()
  ) throws(ServerCertificate.Failure) -> ReloadableCertificate.Source {
    let files = CertificateFiles(directory: directory)
    let source = pair(try files.loadOrCreate(hosts: hosts(), now: now), hosts: hosts)
    guard case .fixed = source else { return source }
    return .files(certificate: files.certificate.path, key: files.key.path)
  }

  /// The certificate that an authority signs, or, if the pair is not that of an authority, the pair itself.
  package static func pair(
    _ pair: ServerCertificate, hosts: @escaping @Sendable () -> [String]
  ) -> ReloadableCertificate.Source {
    guard
      let authority = try? CertificateAuthority(
        certificatePEM: pair.certificatePEM, privateKeyPEM: pair.privateKeyPEM)
    else { return .fixed(pair) }
    return .authority(authority, hosts: hosts)
  }
}

/// The files of a directory in which a control plane keeps what its clients trust.
package struct CertificateFiles {
  let folder: URL
  var certificate: URL { folder.appendingPathComponent("kuma-cp.crt") }
  var key: URL { folder.appendingPathComponent("kuma-cp.key") }

  package init(directory: String) { folder = URL(fileURLWithPath: directory, isDirectory: true) }

  /// The pair in the files; `nil` if there is none, or one that is valid for less than a day.
  package func load(now: Date = Date()) throws(ServerCertificate.Failure) -> ServerCertificate? {
    let files = FileManager.default
    guard files.fileExists(atPath: certificate.path), files.fileExists(atPath: key.path) else { return nil }
    let existing = try ServerCertificate.load(certificateFile: certificate.path, keyFile: key.path)
    guard let end = existing.validity?.upperBound, end > now.addingTimeInterval(86_400) else { return nil }
    return existing
  }

  /// The pair in the files, or a new authority, which is written to them.
  package func loadOrCreate(hosts: [String], now: Date = Date()) throws(ServerCertificate.Failure) -> ServerCertificate
  {
    if let existing = try load(now: now) { return existing }
    do {
      let pair = try ServerCertificate.make(hosts: hosts, now: now)
      try save(pair)
      return pair
    } catch {
      let reason = (error as? FileAccess.Failure)?.description ?? ServerCertificate.systemReason(error)
      let path = folder.path
      throw ServerCertificate.Failure(
        description:
          "no certificate can be made in \(path); make the directory writable or configure a certificate\(reason.map { ": \($0)" } ?? "")"
      )
    }
  }

  /// Writes the pair; only the owner can read the key.
  package func save(_ pair: ServerCertificate) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // The certificate is written last. Without its key it would look like a complete pair.
    try FileAccess.write(Array(pair.privateKeyPEM.utf8), to: key.path).get()
    try FileAccess.write(Array(pair.certificatePEM.utf8), to: certificate.path, mode: 0o644).get()
  }
}
