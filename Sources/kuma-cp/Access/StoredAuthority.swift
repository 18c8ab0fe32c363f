import Certificates
import Logging
import MeshModel
import MeshStore

/// The authority that all control planes with one database share, so that who trusts one trusts all. The first one keeps it in the
/// store: that of its work directory, which proxies may trust already, or a new one.
struct StoredAuthority {
  /// The secret holds no authority.
  struct Failure: Error, CustomStringConvertible {
    /// What is wrong and how to fix it.
    let description: String
  }

  /// The GlobalSecret: the certificate and its key, both as PEM.
  static let key = ResourceKey(type: .globalSecret, name: "control-plane-ca")

  let store: any ResourceStore
  /// The work directory. It gets a copy, of which operators hand out the certificate.
  let directory: String
  let hosts: @Sendable () -> [String]
  let logger: Logger

  /// Finds the authority, or makes it.
  func find() async throws -> ReloadableCertificate.Source {
    let files = CertificateFiles(directory: directory)
    let local = try files.load()
    let pair: ServerCertificate
    if let stored = try await stored() {
      pair = stored
    } else {
      pair = try await share(try local ?? ServerCertificate.make(hosts: hosts()))
    }
    if pair != local {
      if local != nil {
        logger.warning(
          """
          the certificate that clients trust is now that of all control planes with this database: clients that trust the earlier \
          one of this control plane have to get the new one
          """,
          metadata: ["secret": "\(Self.key.name)", "file": "\(directory)/kuma-cp.crt"])
      }
      try files.save(pair)
    }
    return .pair(pair, hosts: hosts)
  }

  private func stored() async throws -> ServerCertificate? {
    guard let data = try await store.get(Self.key)?.secretData else { return nil }
    return try Self.pair(String(decoding: data, as: UTF8.self))
  }

  private func share(_ pair: ServerCertificate) async throws -> ServerCertificate {
    let data = Array((pair.certificatePEM + pair.privateKeyPEM).utf8)
    do throws(StoreError) {
      _ = try await store.put(.globalSecret(name: Self.key.name, data: data), if: .absent)
    } catch {
      guard error.code == .conflict else { throw error }
      // Another control plane was first.
      return try await stored() ?? pair
    }
    logger.info("the authority of the control planes is in the store", metadata: ["secret": "\(Self.key.name)"])
    return pair
  }

  /// The certificate and the key of a text, which has to be those of an authority.
  static func pair(_ text: String) throws(Failure) -> ServerCertificate {
    guard let start = text.ranges(of: "-----BEGIN ").last?.lowerBound else { throw failure("it has no PEM form") }
    let pair = ServerCertificate(
      certificatePEM: String(text[..<start]), privateKeyPEM: String(text[start...]))
    do {
      _ = try CertificateAuthority(certificatePEM: pair.certificatePEM, privateKeyPEM: pair.privateKeyPEM)
    } catch {
      throw failure("\(error)")
    }
    return pair
  }

  private static func failure(_ reason: String) -> Failure {
    Failure(
      description:
        "the GlobalSecret \(key.name) does not hold the certificate of an authority followed by its key: \(reason); replace "
        + "it, or delete it, and the next start of a control plane makes a new one")
  }
}
