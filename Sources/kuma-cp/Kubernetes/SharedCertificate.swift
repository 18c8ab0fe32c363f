import Certificates
import Documents
import Foundation
import KubernetesAPI
import Logging
import OrderedCollections

/// The authority that all control planes of a cluster share: a proxy that was started by one of them trusts the others too, and the
/// same one after its pod was replaced. The first makes it, and keeps it in a Secret.
struct SharedCertificate: Sendable {
  /// The name of the Secret.
  static let name = "kuma-control-plane-dataplane"

  private enum Key {
    static let certificate = "tls.crt"
    static let key = "tls.key"
  }

  let client: KubernetesClient
  let namespace: String
  let hosts: @Sendable () -> [String]
  let logger: Logger

  /// How long the API server may take. Without an answer the control plane starts nevertheless.
  private static let limit = Duration.seconds(10)

  /// The certificate, for the given hosts. It is signed by the authority in the Secret, which is made if there is none.
  ///
  /// - Returns: `nil` when the API server cannot be asked; the control plane then needs a certificate of its own.
  func find() async -> ReloadableCertificate.Source? {
    let outcome = await withDeadline(Self.limit) { () -> Result<ServerCertificate, any Error> in
      do {
        return .success(try await fetch())
      } catch {
        return .failure(error)
      }
    }
    switch outcome {
    case .success(let pair)?: return .pair(pair, hosts: hosts)
    case .failure(let error)?: log("\(error)")
    case nil: log("the API server has not answered in time")
    }
    return nil
  }

  private func log(_ reason: String) {
    logger.warning(
      "the certificate of the data plane server is not shared with other control planes: proxies of theirs do not trust it",
      metadata: [
        "secret": "\(namespace)/\(Self.name)", "error": "\(reason)", "remedy": "restart when the Secret can be read",
      ])
  }

  private func fetch() async throws -> ServerCertificate {
    let (secret, isNew) = try await client.findOrCreate(.secret, namespace: namespace, name: Self.name) {
      let made = try ServerCertificate.make(hosts: hosts())
      var object = KubernetesObject(.secret, namespace: namespace, name: Self.name)
      object["type"] = "kubernetes.io/tls"
      object.metadata["labels"] = ["app": "kuma-control-plane"]
      object["data"] = [
        Key.certificate: .string(Data(made.certificatePEM.utf8).base64EncodedString()),
        Key.key: .string(Data(made.privateKeyPEM.utf8).base64EncodedString()),
      ]
      return object
    }
    if isNew {
      logger.info("the certificate of the data plane server is made", metadata: ["secret": "\(namespace)/\(Self.name)"])
    }
    return try Self.certificate(in: secret)
  }

  private static func certificate(in object: KubernetesObject) throws -> ServerCertificate {
    func text(_ key: String) -> String {
      let data = object["data"]?[key]?.string.flatMap { Data(base64Encoded: $0) }
      return String(decoding: data ?? Data(), as: UTF8.self)
    }
    let certificate = ServerCertificate(certificatePEM: text(Key.certificate), privateKeyPEM: text(Key.key))
    do {
      _ = try certificate.makeContext(protocols: [])
    } catch {
      throw KubernetesError(
        code: .unreadable,
        message: "the Secret holds no certificate with its key, in PEM form; delete it, and a new one is made")
    }
    return certificate
  }
}
