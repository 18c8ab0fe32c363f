import Foundation
import Logging
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import Certificates

@Suite("The certificate in the working directory") struct CertificateFileTests {
  private static let use = CertificateUse(server: "servers", effect: "clients refuse to connect", remedy: "renew it")

  private func folder() -> URL {
    FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  }

  private func own(_ folder: URL, hosts: [String] = [], now: Date = Date()) throws -> ReloadableCertificate {
    try ReloadableCertificate(
      .own(directory: folder.path, hosts: { hosts }, now: now), use: Self.use, logger: Logger(label: "test"), now: now)
  }

  @Test("An authority is made once, its key readable by the owner only; it signs for the hosts of each start")
  func authority() throws {
    let folder = folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try own(folder, hosts: ["cp.example", "10.0.0.1", "*.mesh.example", "not a name", "*"])
    let again = try own(folder, hosts: ["other.example"])
    #expect(made.authorityPEM == again.authorityPEM && made.current != again.current)
    #expect(
      made.current.names == ["localhost", "127.0.0.1", "::1", "cp.example", "10.0.0.1", "*.mesh.example"])
    #expect(again.current.names == ["localhost", "127.0.0.1", "::1", "other.example"])
    let key = folder.appendingPathComponent("kuma-cp.key").path
    let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    // In ten years there is a new one.
    let renewed = try own(folder, now: Date(timeIntervalSinceNow: 3_651 * 86_400))
    #expect(renewed.authorityPEM != made.authorityPEM)
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: key))
    #expect(throws: ServerCertificate.Failure.self) { try own(folder) }
  }

  @Test(
    "A self-signed certificate of an earlier version becomes the authority, so that who trusts it trusts the new ones")
  func earlier() throws {
    let folder = folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let earlier = try ServerCertificate.make(hosts: ["cp.example"])
    try CertificateFiles(directory: folder.path).save(earlier)
    let certificate = try own(folder, hosts: ["cp.example"])
    #expect(certificate.authorityPEM == earlier.certificatePEM)
    let authority = try CertificateAuthority(
      certificatePEM: earlier.certificatePEM, privateKeyPEM: earlier.privateKeyPEM)
    #expect(authority.hasIssued(certificate.current))
  }

  @Test("A certificate in the directory that cannot sign is the server's own")
  func leaf() throws {
    let folder = folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 1_000_000)
    let leaf = try authority.issue(commonName: "cp", hosts: ["cp.example"], lifetime: 500_000)
    try CertificateFiles(directory: folder.path).save(leaf)
    #expect(try own(folder).current == leaf)
  }

  @Test("A certificate with its chain has the names and the dates of the first one")
  func chain() throws {
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 1_000_000)
    let leaf = try authority.issue(commonName: "cp", hosts: ["cp.example"], lifetime: 500_000)
    let chain = ServerCertificate(
      certificatePEM: "# the chain\n" + leaf.certificatePEM + "\n" + authority.certificatePEM,
      privateKeyPEM: leaf.privateKeyPEM)
    #expect(chain.names == leaf.names && chain.names?.contains("cp.example") == true)
    #expect(chain.validity == leaf.validity && chain.validity != nil)
  }

  @Test("A server that ends does not wait long for clients that keep their connections open")
  func closing() throws {
    let certificate = try ServerCertificate.make(hosts: ["cp.example"])
    let configuration = try certificate.makeConfiguration(protocols: ["http/1.1"])
    #expect(configuration.shutdownTimeout.nanoseconds == 1_000_000_000)
    #expect(configuration.applicationProtocols == ["http/1.1"])
  }
}
