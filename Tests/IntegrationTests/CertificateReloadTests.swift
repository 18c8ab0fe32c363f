import AsyncHTTPClient
import Certificates
import Foundation
import MeshClient
import MeshModel
import MeshTestSupport
import NIOCore
import NIOHTTP1
import NIOSSL
import ProcessSupervisor
import ProxySimulation
import Testing

/// Certificates of servers and clients that change while a real control plane runs.
@Suite("Certificates of a running control plane", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct CertificateReloadTests {
  private static func withFolder(_ body: (URL) async throws -> Void) async throws {
    let home = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    try await body(home)
  }

  private static func running(_ controlPlane: ControlPlaneProcess, _ body: () async throws -> Void) async throws {
    do {
      try await controlPlane.start()
      try await body()
    } catch {
      await controlPlane.stop()
      throw error
    }
    await controlPlane.stop()
  }

  private static func write(_ pair: ServerCertificate, _ certificate: URL, _ key: URL) throws {
    try Data(pair.certificatePEM.utf8).write(to: certificate, options: .atomic)
    try Data(pair.privateKeyPEM.utf8).write(to: key, options: .atomic)
  }

  /// The status of an answer over a connection of its own; nil if TLS fails on either side.
  private static func status(
    _ port: Int, _ path: String, trusting authority: String,
    certificate: (certificatePEM: String, privateKeyPEM: String)? = nil, header: (String, String)? = nil
  ) async throws -> Int? {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
    if let certificate {
      tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
        .map { .certificate($0) }
      tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(certificate.privateKeyPEM.utf8), format: .pem))
    }
    var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
    configuration.connectionPool.retryConnectionEstablishment = false
    let client = HTTPClient(configuration: configuration)
    var request = HTTPClientRequest(url: "https://127.0.0.1:\(port)\(path)")
    if let header { request.headers.add(name: header.0, value: header.1) }
    do {
      let answer = try await client.execute(request, timeout: .seconds(30))
      let status = Int(answer.status.code)
      _ = try? await answer.body.collect(upTo: 1 << 20)
      try await client.shutdown()
      return status
    } catch {
      try await client.shutdown()
      return nil
    }
  }

  @Test(
    "the files are replaced under 200 streams and writes: streams stay, no write is lost, new connections get the newest"
  )
  func underLoad() async throws {
    try await Self.withFolder { home in
      let (certificate, key) = (home.appending(path: "tls.crt"), home.appending(path: "tls.key"))
      try Self.write(ServerCertificate.make(hosts: []), certificate, key)
      let controlPlane = try ControlPlaneProcess(
        home: home,
        settings: [
          "KUMA_GENERAL_TLS_CERT_FILE": certificate.path, "KUMA_GENERAL_TLS_KEY_FILE": key.path,
        ])
      try await Self.running(controlPlane) {
        let mesh = FleetMesh(proxies: 200, services: 4)
        let client = ControlPlaneClient(address: try ControlPlaneAddress("http://127.0.0.1:\(controlPlane.ports.api)"))
        _ = try await client.put(mesh.mesh())
        _ = try await client.put(mesh.policy)
        for index in 0..<mesh.proxyCount { _ = try await client.put(mesh.dataplane(index)) }
        var settings = ProxyFleet.Settings(port: controlPlane.ports.dataplane)
        settings.isSecure = true
        let fleet = ProxyFleet(nodeIDs: mesh.nodeIDs, settings: settings)
        let load = Task { await fleet.run() }
        defer { load.cancel() }
        let everyone = Set(0..<mesh.proxyCount)
        try await eventually(deadline: .seconds(120), "a first configuration") {
          fleet.holders(of: "/r0/spans") == everyone
        }
        let streams = fleet.ask { $0.map(\.streams) }
        for revision in 1...3 {
          let next = try ServerCertificate.make(hosts: [])
          try Self.write(next, certificate, key)
          _ = try await client.put(mesh.mesh(revision: revision))
          for port in [controlPlane.ports.dataplane, controlPlane.ports.secureAPI] {
            try await eventually("a connection that trusts the newest certificate") {
              try await Self.status(port, "/", trusting: next.certificatePEM) != nil
            }
          }
        }
        try await eventually(deadline: .seconds(120), "the last write") { fleet.holders(of: "/r3/spans") == everyone }
        #expect(fleet.ask { $0.map(\.streams) } == streams)
        #expect(fleet.ask { $0.allSatisfy { $0.isConnected && $0.refused == 0 } })
      }
    }
  }

  @Test("clients of the HTTPS API trust the authority in the work directory; it stays the same over a restart")
  func ownAuthority() async throws {
    try await Self.withFolder { home in
      let controlPlane = try ControlPlaneProcess(home: home)
      var authorities: Set<String> = []
      for _ in 0..<2 {
        try await Self.running(controlPlane) {
          let authority = try String(contentsOf: home.appending(path: "cp/kuma-cp.crt"), encoding: .utf8)
          authorities.insert(authority)
          let other = try ServerCertificate.make(hosts: [])
          for port in [controlPlane.ports.secureAPI, controlPlane.ports.diagnostics] {
            let path = port == controlPlane.ports.secureAPI ? "/meshes" : "/ready"
            let trusted = try await Self.status(port, path, trusting: authority)
            #expect(trusted == 200)
            let untrusted = try await Self.status(port, path, trusting: other.certificatePEM)
            #expect(untrusted == nil)
          }
          // The rules for host names and pages hold on this port too.
          let host = try await Self.status(
            controlPlane.ports.secureAPI, "/meshes", trusting: authority, header: ("host", "evil.example"))
          let page = try await Self.status(
            controlPlane.ports.secureAPI, "/meshes", trusting: authority, header: ("origin", "https://evil.example"))
          #expect(host == 403 && page == 403)
        }
      }
      #expect(authorities.count == 1)
    }
  }

  @Test(
    "a client certificate that is put into the directory is accepted without a restart, and refused once it is taken away"
  )
  func clientCertificates() async throws {
    try await Self.withFolder { home in
      let folder = home.appending(path: "clients")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let first = try CertificateAuthority.make(commonName: "clients", lifetime: 1_000_000)
      let second = try CertificateAuthority.make(commonName: "others", lifetime: 1_000_000)
      try first.certificatePEM.write(to: folder.appending(path: "first.pem"), atomically: true, encoding: .utf8)
      let controlPlane = try ControlPlaneProcess(
        home: home,
        settings: [
          "KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR": folder.path, "KUMA_API_SERVER_HTTPS_REQUIRE_CLIENT_CERT": "true",
        ])
      try await Self.running(controlPlane) {
        let port = controlPlane.ports.secureAPI
        let authority = try String(contentsOf: home.appending(path: "cp/kuma-cp.crt"), encoding: .utf8)
        let ali = try first.issueClient(name: "ali", lifetime: 100_000)
        let bea = try second.issueClient(name: "bea", lifetime: 100_000)
        let known = try await Self.status(port, "/meshes", trusting: authority, certificate: ali)
        #expect(known == 200)
        let unknown = try await Self.status(port, "/meshes", trusting: authority, certificate: bea)
        let none = try await Self.status(port, "/meshes", trusting: authority)
        #expect(unknown == nil && none == nil)
        try second.certificatePEM.write(to: folder.appending(path: "second.pem"), atomically: true, encoding: .utf8)
        try await eventually("the second authority") {
          try await Self.status(port, "/meshes", trusting: authority, certificate: bea) == 200
        }
        try FileManager.default.removeItem(at: folder.appending(path: "first.pem"))
        try await eventually("the end of the first authority") {
          try await Self.status(port, "/meshes", trusting: authority, certificate: ali) == nil
        }
        let still = try await Self.status(port, "/meshes", trusting: authority, certificate: bea)
        #expect(still == 200)
      }
    }
  }

  @Test(
    "a server that would be open by mistake does not start, and says which settings allow it",
    arguments: [
      (["KUMA_API_SERVER_HTTP_INTERFACE": "0.0.0.0"], "apiServer.https.interface"),
      (
        ["KUMA_DP_SERVER_INTERFACE": "0.0.0.0", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none"],
        "dpServer.authn.dpProxy.type"
      ),
      (["KUMA_COLLECTOR_ZIPKIN_INTERFACE": "0.0.0.0", "KUMA_COLLECTOR_TLS_ENABLED": "false"], "collector.tlsEnabled"),
    ])
  func openByMistake(settings: [String: String], setting: String) async throws {
    try await Self.withFolder { home in
      let controlPlane = try ControlPlaneProcess(home: home, settings: settings)
      let process = try controlPlane.launch()
      let status = await process.exitStatus()
      #expect(status == .exited(1))
      let text = controlPlane.log.tail()
      #expect(text.contains("would be open to the network") && text.contains(setting), "\(text)")
      #expect(text.contains("general.unprotectedListeners"))
    }
  }
}
