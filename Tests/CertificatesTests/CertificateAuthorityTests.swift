import Foundation
import SwiftASN1
import Testing
import X509

@testable import Certificates

@Suite("An authority and the certificates that it signs") struct CertificateAuthorityTests {
  private static let day: TimeInterval = 86_400
  private static let now = Date(timeIntervalSince1970: 1_800_000_000)

  private func authority() throws -> CertificateAuthority {
    try .make(commonName: "authority", lifetime: 100 * Self.day, now: Self.now)
  }

  @Test("A certificate has its names and its time, and knows who signed it")
  func issue() throws {
    let (authority, other) = (try authority(), try authority())
    let hosts = ["cp.system.svc", "127.0.0.1", "::1"]
    let server = try authority.issue(commonName: "cp", hosts: hosts, lifetime: 10 * Self.day, now: Self.now)
    #expect(server.names == Set(hosts))
    #expect(authority.hasIssued(server))
    #expect(!other.hasIssued(server))
    // It is valid an hour before, because clocks differ.
    #expect(
      server.validity
        == Self.now.addingTimeInterval(-3_600)...Self.now.addingTimeInterval(10 * Self.day))
    _ = try server.makeContext(protocols: ["http/1.1"])
    // A server cannot sign for others.
    #expect(throws: CertificateAuthority.Failure.self) {
      try CertificateAuthority(certificatePEM: server.certificatePEM, privateKeyPEM: server.privateKeyPEM)
    }
  }

  @Test("A certificate for a client cannot be that of a server, and the other way round")
  func sides() throws {
    let authority = try authority()
    let client = try authority.issueClient(name: "cp", lifetime: Self.day, now: Self.now)
    let server = try authority.issue(commonName: "envoy", hosts: ["envoy"], lifetime: Self.day, now: Self.now)
    func usages(_ pem: String) throws -> ExtendedKeyUsage? {
      try Certificate(pemEncoded: pem).extensions.extendedKeyUsage
    }
    #expect(try usages(client.certificatePEM) == ExtendedKeyUsage([.clientAuth]))
    #expect(try usages(server.certificatePEM) == ExtendedKeyUsage([.serverAuth]))
    let leaf = ServerCertificate(certificatePEM: client.certificatePEM, privateKeyPEM: client.privateKeyPEM)
    #expect(authority.hasIssued(leaf) && leaf.names == ["cp"])
  }

  @Test("An authority is read again; a wrong key is told")
  func read() throws {
    let (authority, other) = (try authority(), try authority())
    let again = try CertificateAuthority(
      certificatePEM: authority.certificatePEM, privateKeyPEM: authority.privateKeyPEM)
    let server = try again.issue(commonName: "cp", hosts: ["cp"], lifetime: Self.day, now: Self.now)
    #expect(authority.hasIssued(server))
    let failure = #expect(throws: CertificateAuthority.Failure.self) {
      try CertificateAuthority(certificatePEM: authority.certificatePEM, privateKeyPEM: other.privateKeyPEM)
    }
    #expect(failure?.description == "the key of the authority is not that of its certificate")
    for pem in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
      #expect(throws: CertificateAuthority.Failure.self) {
        try CertificateAuthority(certificatePEM: pem, privateKeyPEM: authority.privateKeyPEM)
      }
    }
  }
}
