import Foundation
import NIOCore
import NIOSSL
import Testing

@testable import Certificates

@Suite("The certificate in the working directory") struct CertificateFileTests {
  @Test("A certificate is made once, its key readable by the owner only")
  func certificate() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let made = try ServerCertificate.loadOrCreate(directory: folder.path, hosts: ["cp.example", "10.0.0.1"])
    let again = try ServerCertificate.loadOrCreate(directory: folder.path, hosts: [])
    #expect(made.certificatePEM == again.certificatePEM && made.privateKeyPEM == again.privateKeyPEM)
    let key = folder.appendingPathComponent("kuma-cp.key").path
    let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    // In ten years there is a new one.
    let later = Date(timeIntervalSinceNow: 3_651 * 86_400)
    let renewed = try ServerCertificate.loadOrCreate(directory: folder.path, hosts: [], now: later)
    #expect(renewed.certificatePEM != made.certificatePEM)
    try Data("nonsense".utf8).write(to: URL(fileURLWithPath: key))
    #expect(throws: ServerCertificate.Failure.self) {
      try ServerCertificate.loadOrCreate(directory: folder.path, hosts: [])
    }
  }

  @Test("A server that ends does not wait long for clients that keep their connections open")
  func closing() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let certificate = try ServerCertificate.loadOrCreate(directory: folder.path, hosts: ["cp.example"])
    let configuration = try certificate.makeConfiguration(protocols: ["http/1.1"])
    #expect(configuration.shutdownTimeout.nanoseconds == 1_000_000_000)
    #expect(configuration.applicationProtocols == ["http/1.1"])
  }
}
