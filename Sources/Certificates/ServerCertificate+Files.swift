package import Foundation
import SwiftASN1
import X509

extension ServerCertificate {
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
}
