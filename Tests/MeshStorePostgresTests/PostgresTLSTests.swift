import Certificates
import Foundation
import MeshModel
import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Synchronization
import Testing

@testable import MeshStorePostgres

/// Real PostgreSQL servers that take connections with TLS only. Each test has its own.
@Suite("PostgreSQL over TLS", .timeLimit(.minutes(15))) struct PostgresTLSTests {
  private static let day: Double = 86_400

  /// A server whose certificate is for `localhost`, and a configuration with which it is verified.
  private func withServer(
    clients: CertificateAuthority? = nil,
    _ body: (PostgresServer, _ configuration: PostgresConfiguration, TemporaryFolder) async throws -> Void
  ) async throws {
    let authority = try CertificateAuthority.make(commonName: "database authority", lifetime: Self.day)
    let certificate = try authority.issue(commonName: "database", hosts: ["localhost"], lifetime: Self.day)
    let folder = try TemporaryFolder()
    let server = try await PostgresServer.start(
      tls: PostgresTLS(
        certificatePEM: certificate.certificatePEM, privateKeyPEM: certificate.privateKeyPEM,
        clientAuthorityPEM: clients?.certificatePEM))
    do {
      var configuration = server.configuration(try await server.makeDatabase())
      configuration.host = "localhost"
      configuration.tlsMode = .verifyFull
      configuration.authorityPath = try folder.write(authority.certificatePEM, to: "ca.pem")
      // A busy machine takes its time for a handshake.
      configuration.connectionTimeout = .seconds(60)
      try await body(server, configuration, folder)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  private func withStore(
    _ configuration: PostgresConfiguration, _ instance: String = "cp", _ body: (PostgresStore) async throws -> Void
  ) async throws {
    let store = try await PostgresStore.open(
      configuration, instance: instance, clock: StoreClock.wallClock, memory: 10_000, observer: { _ in })
    var failure: (any Error)?
    do { try await body(store) } catch { failure = error }
    await store.close()
    if let failure { throw failure }
  }

  /// Opens a store, which tries again and again, until it says why there is no connection.
  private func expectNoConnection(
    _ configuration: PostgresConfiguration, _ words: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let reasons = Mutex<[String]>([])
    let opening = Task {
      try await PostgresStore.open(configuration, instance: "cp", clock: StoreClock.wallClock, memory: 10_000) {
        event in
        switch event {
        case .unreachable(let reason, _), .lost(let reason): reasons.withLock { $0.append(reason) }
        case .connected, .unreadable: break
        }
      }
    }
    defer { opening.cancel() }
    let reason: String = try await eventually("a reason") { () -> String? in reasons.withLock { $0.first } }
    opening.cancel()
    if case .success(let store) = await opening.result {
      await store.close()
      Issue.record("there is a connection", sourceLocation: sourceLocation)
    }
    for word in words {
      #expect(reason.contains(word), "\(reason)", sourceLocation: sourceLocation)
    }
    #expect(!reason.contains(PostgresServer.password), sourceLocation: sourceLocation)
  }

  @Test("verifyFull: every connection is encrypted, changes reach the other control plane, also after a restart")
  func verified() async throws {
    try await withServer { server, configuration, _ in
      try await withStore(configuration) { store in
        try await withStore(configuration, "other") { other in
          let reader = Reader(other)
          try await store.put(.mesh())
          try await eventually("the mesh at the other") { reader.resources.count == 1 }
          let connections = try await server.query(
            """
            SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE application_name = 'kuma-cp' ORDER BY version
            """, database: configuration.database)
          #expect(connections.count >= 3, "two of the store that has written, and one at least of the other")
          #expect(connections.allSatisfy { ["t|TLSv1.2", "t|TLSv1.3"].contains($0) }, "\(connections)")

          await server.stop()
          try await server.start()
          try await eventually("a write after the restart") { (try? await store.put(.trafficTrace("new"))) != nil }
          try await eventually("the policy at the other") { reader.resources.count == 2 }
        }
      }
    }
  }

  @Test("verifyFull refuses another name, another authority and a server without TLS; the reason is in the message")
  func refused() async throws {
    try await withServer { server, configuration, folder in
      func expectRefusal(_ words: [String], _ change: (inout PostgresConfiguration) throws -> Void) async throws {
        var changed = configuration
        try change(&changed)
        try await expectNoConnection(changed, words)
      }
      try await expectRefusal(["localhost", "127.0.0.1", "does not match host name"]) { $0.host = "127.0.0.1" }
      let other = try CertificateAuthority.make(commonName: "another authority", lifetime: Self.day)
      try await expectRefusal(["certificate verify failed"]) {
        $0.authorityPath = try folder.write(other.certificatePEM, to: "other.pem")
      }
      try await expectRefusal(["does not exist"]) { $0.authorityPath = folder.file("nowhere.pem") }
      try await expectRefusal(["no encryption"]) { $0.tlsMode = .disable }
      let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
      #expect(try await server.query(tables, database: configuration.database) == ["0"], "nobody has got in")
      // The authority alone is enough for verifyCa, and nothing is verified with verifyNone.
      var lenient = configuration
      (lenient.host, lenient.tlsMode) = ("127.0.0.1", .verifyCa)
      try await withStore(lenient) { try await $0.put(.mesh()) }
      (lenient.tlsMode, lenient.authorityPath) = (.verifyNone, "")
      try await withStore(lenient) { #expect($0.list(.mesh, mesh: nil).count == 1) }
      let plain = try await PostgresServer.shared()
      let database = try await plain.makeDatabase()
      try await expectRefusal(["server does not support SSL"]) {
        ($0.port, $0.database) = (plain.port, database)
      }
    }
  }

  @Test("a client certificate takes the place of the password")
  func clientCertificate() async throws {
    let clients = try CertificateAuthority.make(commonName: "client authority", lifetime: Self.day)
    try await withServer(clients: clients) { _, configuration, folder in
      var own = configuration
      own.password = ""
      try await expectNoConnection(own, ["certificate"])
      func show(_ name: String) throws {
        let client = try clients.issueClient(name: name, lifetime: Self.day)
        own.certificatePath = try folder.write(client.certificatePEM, to: "\(name).pem")
        own.keyPath = try folder.write(client.privateKeyPEM, to: "\(name)-key.pem")
        // Otherwise libpq refuses the key.
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: own.keyPath)
      }
      try show("somebody")
      try await expectNoConnection(own, ["certificate authentication failed"])
      try show(PostgresServer.user)
      try await withStore(own) { try await $0.put(.mesh()) }
    }
  }
}
