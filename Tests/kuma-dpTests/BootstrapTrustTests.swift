import ConnectionFaults
import Foundation
import LoopbackTestSupport
import MeshModel
import NIOSSL
import TestSupport
import Testing

@testable import MeshClient
@testable import kuma_dp

@Suite("Fetching a bootstrap over TLS", .timeLimit(.minutes(15)))
struct BootstrapTrustTests {
  @Test("comes over TLS, verified if the authority is known and unverified if not")
  func secured() async throws {
    let authority = try TestAuthority(for: "localhost")
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let address = base.replacing("http://127.0.0.1", with: "https://localhost")
      func fetch(_ pem: String?) async throws -> Bootstrap {
        let configuration = try BootstrapFixture.configuration(
          ["dataplaneRuntime.resource": TestControlPlane.definition, "controlPlane.url": address],
          environment: pem.map { ["KUMA_CONTROL_PLANE_CA_CERT": $0] } ?? [:])
        return try await BootstrapFetcher(configuration, logger: LogRecorder().logger())
          .fetch(configuration.bootstrapRequest(envoy: try #require(BootstrapFixture.envoy), adminPort: nil))
      }
      #expect(try await fetch(nil).text.contains("ads_cluster"))
      #expect(try await fetch(authority.certificate).text.contains("ads_cluster"))
      let other = try TestAuthority(for: "localhost").certificate
      let failure = await #expect(throws: LaunchFailure.self) { try await fetch(other) }
      #expect(failure?.code == .refused)
      #expect(
        failure?.description
          == "the control plane at \(address) is not trusted: its certificate is not signed by a trusted authority; "
          + "correct --ca-cert-file or the host in --cp-address")
      let broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"
      let unreadable = await #expect(throws: LaunchFailure.self) { try await fetch(broken) }
      #expect(unreadable?.description.hasPrefix("the CA certificate cannot be read as PEM") == true)
    }
  }

  @Test(
    "is refused from a control plane with an expired certificate, and the message names the date",
    arguments: [(-7200.0, -3600.0, "expired on ", -3600.0), (3600.0, 7200.0, "is not valid before ", 3600.0)])
  func outOfDate(_ begin: Double, _ end: Double, _ words: String, _ offset: Double) async throws {
    let authority = try TestAuthority(for: "localhost", from: begin, to: end)
    let trusted = try TestAuthority(for: "localhost").certificate
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      // Whether it is trusted or not: what can be mended first is told first.
      for pem in [authority.certificate, trusted] {
        let configuration = try BootstrapFixture.configuration(
          ["dataplane.name": "web", "controlPlane.url": base.replacing("http://127.0.0.1", with: "https://localhost")],
          environment: ["KUMA_CONTROL_PLANE_CA_CERT": pem])
        let failure = await #expect(throws: LaunchFailure.self) {
          try await BootstrapFetcher(configuration, logger: LogRecorder().logger()).fetch([:])
        }
        let text = try #require(failure?.description)
        let date = try #require(text.firstRange(of: words).map { text[$0.upperBound...].prefix { $0 != ";" } })
        let time = try #require(Timestamp(String(date)))
        #expect(abs(Double(time.seconds) - Date.now.timeIntervalSince1970 - offset) < 1800, "\(text)")
        #expect(text.contains("its certificate \(words)"))
        #expect(text.hasSuffix("renew it, or correct the clock of this machine"))
      }
    }
  }

  @Test("names an expired certificate authority")
  func expiredAuthority() async throws {
    let authority = try TestAuthority(for: "localhost")
    let expired = try TestAuthority(for: "localhost", from: -7200, to: -3600).certificate
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let client = ControlPlaneClient(
        address: try ControlPlaneAddress(base.replacing("http://127.0.0.1", with: "https://localhost")),
        settings: ControlPlaneClient.Settings(caCertificates: expired))
      let error = await #expect(throws: ControlPlaneError.self) { try await client.exchange(.get, "/") }
      #expect(error?.reason.hasPrefix("the CA certificate that is trusted here expired on ") == true)
      #expect(error?.code == .outOfDate)
    }
  }

  @Test("tells a control plane that does not trust the client's certificate from one that does not answer")
  func refusedClient() async throws {
    let (authority, stranger) = (try TestAuthority(for: "localhost"), try TestAuthority(for: "alice"))
    let folder = try TemporaryFolder()
    let (certificateFile, keyFile) = (folder.file("alice.crt"), folder.file("alice.key"))
    try stranger.certificate.write(toFile: certificateFile, atomically: true, encoding: .utf8)
    try stranger.key.write(toFile: keyFile, atomically: true, encoding: .utf8)
    for (trusted, isTrusted) in [(stranger, true), (authority, false)] {
      let server = try authority.server(trusting: trusted.certificate)
      try await LoopbackServer.run(server: server, TestControlPlane.responder(isTLS: true)) { base in
        let client = ControlPlaneClient(
          address: try ControlPlaneAddress(base.replacing("http://127.0.0.1", with: "https://localhost")),
          settings: ControlPlaneClient.Settings(
            caCertificates: authority.certificate, clientCertificate: (certificateFile, keyFile)))
        if isTrusted {
          _ = try await client.exchange(.get, "/")
        } else {
          let error = await #expect(throws: ControlPlaneError.self) { try await client.exchange(.get, "/") }
          #expect(error?.code == .denied && error?.status == nil, "\(String(describing: error))")
          #expect(error?.reason == "it does not trust the client certificate")
        }
      }
    }
  }

  @Test("parses the dates of certificates, also of damaged ones")
  func certificateDates() throws {
    let authority = try TestAuthority(for: "localhost", from: -7200, to: -3600)
    let certificate = try #require(try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)).first)
    let bytes = try certificate.toDERBytes()
    let validity = try #require(CertificateValidity(der: bytes))
    #expect(validity.end.secondsSince(validity.begin) == 3600)
    #expect(validity.fault(at: validity.end) == nil)
    #expect(validity.fault(at: Timestamp(seconds: validity.end.seconds + 1))?.hasPrefix("expired on ") == true)
    #expect(validity.fault(at: Timestamp(seconds: validity.begin.seconds - 1))?.contains("not valid before") == true)
    for count in bytes.indices {
      _ = CertificateValidity(der: Array(bytes[..<count]))
      var changed = bytes
      changed[count] ^= 0xff
      _ = CertificateValidity(der: changed)
    }
    #expect(CertificateValidity(der: []) == nil)
    #expect(CertificateValidity(der: Array(bytes.prefix(60))) == nil)
  }

  @Test("is refused from a control plane with another name")
  func misnamed() async throws {
    let authority = try TestAuthority(for: "cp.example.com")
    try await LoopbackServer.run(server: try authority.server(), TestControlPlane.responder(isTLS: true)) { base in
      let configuration = try BootstrapFixture.configuration(
        ["dataplane.name": "web", "controlPlane.url": base.replacing("http://127.0.0.1", with: "https://localhost")],
        environment: ["KUMA_CONTROL_PLANE_CA_CERT": authority.certificate])
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, logger: LogRecorder().logger()).fetch([:])
      }
      #expect(failure?.description.contains("its certificate is not for localhost") == true)
    }
  }
}
