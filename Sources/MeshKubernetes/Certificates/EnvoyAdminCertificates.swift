import Certificates
import Documents
package import Foundation
package import KubernetesAPI
package import MeshPolicy
import OrderedCollections

/// The certificates by which the administration interfaces of the Envoys of pods are open for control planes and for nobody else:
/// an authority, and the certificate that all Envoys show. Each control plane signs a certificate of its own.
///
/// They are in a Secret, which all control planes of a cluster share. Its `value` is as in Kuma, so that either can read what
/// the other has made.
package struct EnvoyAdminCertificates: Sendable {
  /// The name of the Secret, in the namespace of the control plane. Source: Kuma 2.7.
  package static let secretName = "envoy-admin-ca"

  /// How long what is made is valid.
  static let lifetime: TimeInterval = 3_650 * 86_400
  /// How long before their end certificates are made anew.
  static let notice: TimeInterval = 90 * 86_400

  private enum Key {
    /// The authority's certificate and key.
    static let authority = "value"
    static let certificate = "envoy.crt"
    static let key = "envoy.key"
  }

  private let authority: CertificateAuthority
  private let envoy: ServerCertificate

  /// Makes an authority and what it signs.
  package static func make(now: Date = Date()) throws -> EnvoyAdminCertificates {
    try signed(by: .make(commonName: "Envoy Admin CA", lifetime: lifetime, now: now), now: now)
  }

  private static func signed(by authority: CertificateAuthority, now: Date) throws -> EnvoyAdminCertificates {
    EnvoyAdminCertificates(
      authority: authority,
      envoy: try authority.issue(
        commonName: AdminAccess.envoyName, hosts: [AdminAccess.envoyName], lifetime: lifetime, now: now))
  }

  /// Reads a Secret.
  ///
  /// - Returns: the certificates, and whether the Secret has to be written again, because a part is missing or ends soon. `nil` if
  ///   it holds no valid authority.
  package static func read(
    _ object: KubernetesObject, now: Date = Date()
  ) throws -> (certificates: EnvoyAdminCertificates, isChanged: Bool)? {
    func text(_ key: String) -> String {
      let data = object["data"]?[key]?.string.flatMap { Data(base64Encoded: $0) }
      return String(decoding: data ?? Data(), as: UTF8.self)
    }
    let value = text(Key.authority)
    guard let certificate = PEMBlocks.split(value).first,
      let authority = try? CertificateAuthority(
        certificatePEM: certificate, privateKeyPEM: String(value.dropFirst(certificate.count)))
    else { return nil }
    guard lasts(authority.validity, now) else { return (try make(now: now), true) }
    let envoy = ServerCertificate(certificatePEM: text(Key.certificate), privateKeyPEM: text(Key.key))
    guard (try? envoy.makeContext(protocols: [])) != nil, authority.hasIssued(envoy), let validity = envoy.validity,
      lasts(validity, now)
    else { return (try signed(by: authority, now: now), true) }
    return (EnvoyAdminCertificates(authority: authority, envoy: envoy), false)
  }

  private static func lasts(_ validity: ClosedRange<Date>, _ now: Date) -> Bool {
    validity.contains(now) && validity.contains(now.addingTimeInterval(notice))
  }

  /// The Secret.
  ///
  /// - Parameter present: the Secret that is replaced; `nil` for a new one.
  package func secret(namespace: String, replacing present: KubernetesObject? = nil) -> KubernetesObject {
    var object = present ?? KubernetesObject(.secret, namespace: namespace, name: Self.secretName)
    if present == nil {
      object["type"] = "system.kuma.io/global-secret"
      object.metadata["labels"] = ["app": "kuma-control-plane"]
    }
    func encoded(_ text: String) -> DocumentValue { .string(Data(text.utf8).base64EncodedString()) }
    object["data"] = [
      Key.authority: encoded(authority.certificatePEM + authority.privateKeyPEM),
      Key.certificate: encoded(envoy.certificatePEM), Key.key: encoded(envoy.privateKeyPEM),
    ]
    return object
  }

  /// What the Envoys get.
  package var access: AdminAccess {
    AdminAccess(
      certificateChain: envoy.certificatePEM, privateKey: envoy.privateKeyPEM,
      clientAuthority: authority.certificatePEM)
  }

  /// A certificate for a control plane, which the Envoys accept.
  package func client(now: Date = Date()) throws -> (certificatePEM: String, privateKeyPEM: String) {
    try authority.issueClient(name: AdminAccess.clientName, lifetime: Self.lifetime, now: now)
  }
}
