import Certificates
import Documents
import Foundation
import KubernetesAPI
import MeshPolicy
import OrderedCollections
import Testing

@testable import MeshKubernetes

/// The certificates for the administration of Envoys, and the Secret that keeps them.
@Suite("Certificates for the administration of Envoys") struct EnvoyAdminCertificatesTests {
  private static let day: TimeInterval = 86_400
  private static let start = Date(timeIntervalSince1970: 1_800_000_000)

  private func read(
    _ secret: KubernetesObject, after days: Double = 1
  ) throws -> (certificates: EnvoyAdminCertificates, isChanged: Bool)? {
    try EnvoyAdminCertificates.read(secret, now: Self.start.addingTimeInterval(days * Self.day))
  }

  @Test("are the same for every control plane that reads the Secret, which is a global secret of Kuma")
  func shared() throws {
    let made = try EnvoyAdminCertificates.make(now: Self.start)
    let secret = made.secret(namespace: "kuma-system")
    #expect(secret.name == "envoy-admin-ca" && secret.namespace == "kuma-system")
    #expect(secret["type"] == "system.kuma.io/global-secret")
    let known = try #require(try read(secret))
    #expect(!known.isChanged && known.certificates.access == made.access)
    let envoy = ServerCertificate(
      certificatePEM: made.access.certificateChain, privateKeyPEM: made.access.privateKey)
    #expect(envoy.names == [AdminAccess.envoyName])
    // Each control plane has a certificate of its own, which no server can use.
    let (first, second) = (try made.client(now: Self.start), try known.certificates.client(now: Self.start))
    #expect(first.privateKeyPEM != second.privateKeyPEM)
    #expect(
      ServerCertificate(certificatePEM: first.certificatePEM, privateKeyPEM: first.privateKeyPEM).names == ["kuma-cp"])
  }

  @Test("of a Secret that Kuma has made keep its authority")
  func kuma() throws {
    let made = try EnvoyAdminCertificates.make(now: Self.start)
    var secret = made.secret(namespace: "kuma-system")
    secret["data"] = ["value": secret["data"]?["value"] ?? ""]
    let known = try #require(try read(secret))
    #expect(known.isChanged && known.certificates.access.clientAuthority == made.access.clientAuthority)
    let written = known.certificates.secret(namespace: "kuma-system", replacing: secret)
    #expect(written["data"]?["value"] == secret["data"]?["value"])
    #expect(try #require(try read(written)).isChanged == false)
  }

  @Test("are made anew before they end, and when the clock of their maker was wrong", arguments: [3_600, 9_000, -400])
  func renewed(days: Double) throws {
    let made = try EnvoyAdminCertificates.make(now: Self.start)
    let known = try #require(try read(made.secret(namespace: "kuma-system"), after: days))
    #expect(known.isChanged && known.certificates.access.clientAuthority != made.access.clientAuthority)
  }

  @Test("of another authority are replaced by those of the Secret's own")
  func mixed() throws {
    let (made, other) = (
      try EnvoyAdminCertificates.make(now: Self.start), try EnvoyAdminCertificates.make(now: Self.start)
    )
    var secret = made.secret(namespace: "kuma-system")
    var data = secret["data"]?.object ?? [:]
    let foreign = other.secret(namespace: "kuma-system")["data"]
    for key in ["envoy.crt", "envoy.key"] { data[key] = foreign?[key] }
    secret["data"] = .object(data)
    let known = try #require(try read(secret))
    #expect(known.isChanged && known.certificates.access.certificateChain != other.access.certificateChain)
  }

  @Test("that are no certificates are not used", arguments: ["", "bm9uc2Vuc2U=", "not base64"])
  func unreadable(value: String) throws {
    var secret = try EnvoyAdminCertificates.make(now: Self.start).secret(namespace: "kuma-system")
    secret["data"] = ["value": .string(value)]
    #expect(try read(secret) == nil)
    secret["data"] = nil
    #expect(try read(secret) == nil)
  }
}
