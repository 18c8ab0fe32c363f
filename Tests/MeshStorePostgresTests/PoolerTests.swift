import MeshStore
import MeshTestSupport
import PostgresTestSupport
import Testing

@testable import MeshStorePostgres

@Suite("A connection pooler before the database", .timeLimit(.minutes(15))) struct PoolerTests {
  private func with(
    _ mode: String, _ settings: [String] = [], _ body: (PostgresConfiguration) async throws -> Void
  ) async throws {
    let server = try await PostgresServer.shared()
    let pooler = try await PgBouncer.start(before: server, mode: mode, settings: settings)
    var configuration = server.configuration(try await server.makeDatabase())
    configuration.port = pooler.port
    do {
      try await body(configuration)
    } catch {
      await pooler.stop()
      throw error
    }
    await pooler.stop()
  }

  @Test(
    "that shares sessions is named at the start, whatever session it gives",
    arguments: [
      ("transaction", []), ("statement", []), ("transaction", ["server_round_robin = 1"]),
      ("transaction", ["min_pool_size = 4", "server_round_robin = 1"]),
    ])
  func shared(mode: String, settings: [String]) async throws {
    try await with(mode, settings) { configuration in
      await expectUnavailable(["\(configuration.port)", "cannot be used", "PgBouncer", "pool_mode = session"]) {
        let store = try await PostgresStore.open(configuration, instance: "cp")
        await store.close()
      }
    }
  }

  @Test("that keeps sessions is as good as none: what one control plane writes, another is told of")
  func session() async throws {
    try await with("session") { configuration in
      let first = try await PostgresStore.open(configuration, instance: "1")
      let second = try await PostgresStore.open(configuration, instance: "2")
      let reader = Reader(second)
      try await first.put(.mesh())
      try await eventually("the mesh at the other") { reader.resources.count == 1 }
      #expect(try await second.connected(of: ["1", "3"]) == ["1"])
      await first.close()
      await second.close()
    }
  }
}
