import Foundation
import MeshModel
import MeshTestSupport
import Testing

@testable import MeshXDS

/// A certificate authority for `localhost` and 127.0.0.1, made for these tests; its key is lost.
let testAuthority = """
  -----BEGIN CERTIFICATE-----
  MIIBpTCCAUugAwIBAgIUAPaEdmbEYkqfmWrLMOiiEmxypvowCgYIKoZIzj0EAwIw
  GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDg0NjAwWhgPMjEy
  NjEwMzEwODQ2MDBaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
  zj0CAQYIKoZIzj0DAQcDQgAEBdNar/tNd8d7L7Wrb4OK/W3t2VgZ9rgutjpGquag
  mY088JF+jGY1JkRXkJz4+u5G2Us7VxQRh1K7vjcQk16zhaNvMG0wHQYDVR0OBBYE
  FGpqzHzM0xRaFznuoUGgVh4iTYwMMB8GA1UdIwQYMBaAFGpqzHzM0xRaFznuoUGg
  Vh4iTYwMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/
  AAABMAoGCCqGSM49BAMCA0gAMEUCIQCZiXj62mb/9McVjHpd17oLJZnjHFGKjGj+
  z7zPf0q4cwIgGLuV73CS40FARBzHAv3P6qRfDRhdANCwxncq/IDH+a0=
  -----END CERTIFICATE-----

  """

@Suite("Rendering of bootstraps")
struct BootstrapRendererTests {
  struct Scenario: Sendable, CustomTestStringConvertible {
    var name: String
    var renderer: BootstrapRenderer
    var testDescription: String { name }
  }

  static let scenarios: [Scenario] = [
    Scenario(
      name: "bootstrap-everything",
      renderer: BootstrapRenderer(
        request: everything, service: "web", host: "localhost", port: 5678, isTLS: true, trustedCA: testAuthority,
        adminPort: 9901)),
    Scenario(
      name: "bootstrap-address",
      renderer: BootstrapRenderer(
        request: BootstrapRequest(mesh: "default", name: "web-1"), service: "web", host: "127.0.0.1", port: 5678,
        isTLS: true, trustedCA: testAuthority, adminPort: 30_001, usesDelta: true)),
    Scenario(
      name: "bootstrap-unverified",
      renderer: BootstrapRenderer(
        request: BootstrapRequest(mesh: "default", name: "web-1"), service: "web", host: "cp.example", port: 5678,
        isTLS: true)),
    Scenario(
      name: "bootstrap-plaintext",
      renderer: BootstrapRenderer(
        request: BootstrapRequest(mesh: "default", name: "web-1.shop"), service: "unknown", host: "::1", port: 15_678,
        isTLS: false)),
  ]

  static let everything: BootstrapRequest = {
    var request = BootstrapRequest(mesh: "default", name: "web-1")
    request.dataplaneToken = "a.b.c"
    request.dataplaneResource = #"{"type":"Dataplane","mesh":"default","name":"web-1"}"#
    request.dynamicMetadata = ["team": "shop", "build": "7"]
    request.dnsPort = 15_053
    request.emptyDNSPort = 15_055
    request.features = ["feature-tcp-accesslog-via-named-pipe"]
    request.workDirectory = "/tmp/kuma"
    request.version.kumaDp = "2.7.0"
    request.version.gitTag = "v2.7.0"
    request.version.gitCommit = "91ce236"
    request.version.buildDate = "2026-01-01T00:00:00Z"
    request.version.envoy = "1.40.0"
    request.version.envoyBuild = "abc/1.40.0/Clean/RELEASE/BoringSSL"
    request.version.isCompatible = true
    return request
  }()

  @Test("gives the recorded text", arguments: scenarios)
  func golden(_ scenario: Scenario) throws {
    try Golden().check(scenario.renderer.render().yaml(), "\(scenario.name).yaml")
  }

  @Test("is accepted by the real Envoy", .enabled(if: RealEnvoy.path != nil), arguments: scenarios)
  func accepted(_ scenario: Scenario) async throws {
    let bootstrap = scenario.renderer.render()
    #expect(try await RealEnvoy.complaint(about: bootstrap.yaml(), fileExtension: "yaml") == nil)
    #expect(try await RealEnvoy.complaint(about: bootstrap.json(), fileExtension: "json") == nil)
  }
}
