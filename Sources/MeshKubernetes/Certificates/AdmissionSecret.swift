import Certificates
import Documents
import Foundation
package import KubernetesAPI
import OrderedCollections

/// The Secret in which the control planes of a cluster keep the ``AdmissionCertificates``.
package enum AdmissionSecret {
  /// Its name, in the namespace of the control plane.
  package static let name = "kuma-control-plane-admission"

  /// The keys of its data. Those of a server certificate are the usual ones of Kubernetes.
  private enum Key {
    static let bundle = "ca.crt"
    static let authority = "ca.key"
    static let successor = "next-ca.key"
    static let certificate = "tls.crt"
    static let key = "tls.key"
  }

  /// The Secret with certificates.
  ///
  /// - Parameter present: the Secret that is replaced; `nil` for a new one.
  package static func object(
    _ certificates: AdmissionCertificates, namespace: String, replacing present: KubernetesObject? = nil
  ) -> KubernetesObject {
    var object = present ?? KubernetesObject(.secret, namespace: namespace, name: name)
    if present == nil {
      object["type"] = "kubernetes.io/tls"
      object.metadata["labels"] = ["app": "kuma-control-plane"]
    }
    var data: DocumentValue.Object = [:]
    func set(_ key: String, _ text: String) { data[key] = .string(Data(text.utf8).base64EncodedString()) }
    set(Key.bundle, certificates.bundle)
    set(Key.authority, certificates.authority.privateKeyPEM)
    if let successor = certificates.successor { set(Key.successor, successor.privateKeyPEM) }
    set(Key.certificate, certificates.server.certificatePEM)
    set(Key.key, certificates.server.privateKeyPEM)
    object["data"] = .object(data)
    return object
  }

  /// The certificates in a Secret; `nil` when they are incomplete or do not belong together, and new ones have to be made.
  package static func certificates(in object: KubernetesObject) -> AdmissionCertificates? {
    func text(_ key: String) -> String? {
      object["data"]?[key]?.string.flatMap { Data(base64Encoded: $0) }.flatMap { String(data: $0, encoding: .utf8) }
    }
    guard let bundle = text(Key.bundle), let key = text(Key.authority), let certificate = text(Key.certificate),
      let serverKey = text(Key.key)
    else { return nil }
    var authorities = ArraySlice(PEMBlocks.split(bundle))
    guard let first = authorities.popFirst(),
      let authority = try? CertificateAuthority(certificatePEM: first, privateKeyPEM: key)
    else { return nil }
    var successor: CertificateAuthority?
    if let key = text(Key.successor), let next = authorities.first,
      let authority = try? CertificateAuthority(certificatePEM: next, privateKeyPEM: key)
    {
      successor = authority
      authorities = authorities.dropFirst()
    }
    let server = ServerCertificate(certificatePEM: certificate, privateKeyPEM: serverKey)
    guard (try? server.makeContext(protocols: [])) != nil else { return nil }
    return AdmissionCertificates(
      authority: authority, successor: successor, retired: authorities.first ?? "", server: server)
  }
}

/// The certificates of a text in PEM form.
enum PEMBlocks {
  private static let end = "-----END CERTIFICATE-----"

  /// The blocks, each with a line feed at its end.
  static func split(_ text: String) -> [String] {
    text.components(separatedBy: end).dropLast().map { block in
      block.trimmingCharacters(in: .whitespacesAndNewlines) + "\n" + end + "\n"
    }
  }
}
