import Certificates
import Documents
import Foundation
import KubernetesAPI
import OrderedCollections
import Testing

@testable import MeshKubernetes

/// The certificates of the admission server over the years, and the Secret that keeps them.
@Suite struct AdmissionCertificatesTests {
  private static let day: TimeInterval = 86_400
  private static let start = Date(timeIntervalSince1970: 1_800_000_000)
  private static let hosts = ["kuma-control-plane.kuma-system.svc", "127.0.0.1"]

  private static func after(_ days: Double) -> Date { start.addingTimeInterval(days * day) }

  private func renewed(_ certificates: AdmissionCertificates, after days: Double) throws -> AdmissionCertificates? {
    try certificates.renewed(hosts: Self.hosts, now: Self.after(days))
  }

  @Test("New certificates stay as they are, and the server's is renewed after two thirds of a year")
  func server() throws {
    let made = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    #expect(made.authority.hasIssued(made.server))
    #expect(made.server.names == Set(Self.hosts))
    #expect(try renewed(made, after: 0) == nil)
    #expect(try renewed(made, after: 240) == nil)
    let days = made.nextRenewal(now: Self.start).timeIntervalSince(Self.start) / Self.day
    #expect((240...245).contains(days))
    let next = try #require(try renewed(made, after: days))
    #expect(next.bundle == made.bundle)
    #expect(next.server.certificatePEM != made.server.certificatePEM)
    #expect(next.authority.hasIssued(next.server))
  }

  @Test("Another name, or a server certificate of somebody else, is replaced")
  func names() throws {
    let made = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    let moved = try #require(try made.renewed(hosts: ["elsewhere"], now: Self.start))
    #expect(moved.server.names == ["elsewhere"])
    #expect(moved.bundle == made.bundle)
    let other = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    let mixed = AdmissionCertificates(
      authority: made.authority, successor: nil, retired: "", server: other.server)
    #expect(try #require(try renewed(mixed, after: 0)).authority.hasIssued(mixed.server) == false)
    #expect(try #require(try renewed(mixed, after: 0)).server.certificatePEM != other.server.certificatePEM)
  }

  @Test("At every time, whoever trusts the bundle of a day before accepts the certificate")
  func authority() throws {
    var certificates = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    let first = certificates.bundle
    var bundles: [(time: Date, bundle: String)] = [(Self.start, certificates.bundle)]
    var steps = 0
    var now = Self.start
    while now < Self.after(8_000) {
      let next = certificates.nextRenewal(now: now)
      #expect(next > now)
      now = next
      certificates = try #require(try certificates.renewed(hosts: Self.hosts, now: now), "nothing is due at \(now)")
      // What was written can be read again.
      let secret = AdmissionSecret.object(certificates, namespace: "kuma-system")
      let read = try #require(AdmissionSecret.certificates(in: secret))
      #expect(read.bundle == certificates.bundle)
      #expect(read.nextRenewal(now: now) == certificates.nextRenewal(now: now))
      certificates = read
      bundles.append((now, certificates.bundle))
      steps += 1
      // The leader has had nearly a day to tell the API server.
      let trusted = try #require(bundles.last { $0.time <= now.addingTimeInterval(-0.9 * Self.day) })
      let authorities = PEMBlocks.split(trusted.bundle)
      #expect(authorities.contains(certificates.authority.certificatePEM))
      #expect(certificates.authority.hasIssued(certificates.server))
      #expect(PEMBlocks.split(certificates.bundle).count <= 3)
    }
    #expect((20...60).contains(steps))
    #expect(!certificates.bundle.contains(first))
  }

  @Test("What is not valid at all is made anew", arguments: [-10.0, 4_000])
  func invalid(days: Double) throws {
    let made = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    let next = try #require(try renewed(made, after: days))
    #expect(next.authority.certificatePEM != made.authority.certificatePEM)
    #expect(next.bundle == next.authority.certificatePEM)
    #expect(try renewed(next, after: days) == nil)
  }

  // MARK: The Secret

  @Test("A Secret keeps its metadata when its certificates are replaced")
  func secret() throws {
    let made = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    var present = AdmissionSecret.object(made, namespace: "kuma-system")
    #expect(present.name == "kuma-control-plane-admission")
    #expect(present.namespace == "kuma-system")
    #expect(present["type"] == "kubernetes.io/tls")
    present.metadata["resourceVersion"] = "5"
    let next = try #require(try renewed(made, after: 300))
    let replaced = AdmissionSecret.object(next, namespace: "kuma-system", replacing: present)
    #expect(replaced.resourceVersion == "5")
    #expect(AdmissionSecret.certificates(in: replaced)?.server.certificatePEM == next.server.certificatePEM)
  }

  @Test(
    "A Secret that somebody has damaged has no certificates",
    arguments: ["ca.crt", "ca.key", "tls.crt", "tls.key"])
  func damaged(key: String) throws {
    let made = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    let other = try AdmissionCertificates.make(hosts: Self.hosts, now: Self.start)
    for value in [.null, "", "%%%", "YQ==", AdmissionSecret.object(other, namespace: "n")["data"]?[key] ?? .null]
      as [DocumentValue]
    {
      var object = AdmissionSecret.object(made, namespace: "n")
      var data = object["data"]?.object ?? [:]
      data[key] = value
      object["data"] = .object(data)
      #expect(AdmissionSecret.certificates(in: object) == nil, "\(value.json().prefix(40))")
    }
  }

  // MARK: Webhook configurations

  @Test("Webhooks that do not trust the authority are told to, one by one")
  func webhooks() throws {
    let bundle = "-----BEGIN CERTIFICATE-----\n"
    let value = DocumentValue.string(Data(bundle.utf8).base64EncodedString())
    let text = """
      {metadata: {name: kuma-validating-webhook-configuration}, webhooks: [
       {name: a, clientConfig: {url: 'https://127.0.0.1/a'}},
       {name: b, clientConfig: {caBundle: \(value.json()), service: {}}}, {name: c, clientConfig: {caBundle: YQ==}}]}
      """
    let object = KubernetesObject(try #require(try DocumentValue.yamlDocuments(text).first?.object))
    let patch = WebhookConfiguration.patch(of: object, trusting: bundle)
    #expect(
      patch.map(\.document) == [
        ["op": "test", "path": "/webhooks/0/name", "value": "a"],
        ["op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": value],
        ["op": "test", "path": "/webhooks/2/name", "value": "c"],
        ["op": "add", "path": "/webhooks/2/clientConfig/caBundle", "value": value],
      ])
    #expect(WebhookConfiguration.patch(of: KubernetesObject([:]), trusting: bundle).isEmpty)
  }
}
