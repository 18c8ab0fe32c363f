import MeshModel
import MeshStore
import MeshTestSupport
import PostgresTestSupport
import TestSupport
import Testing

@testable import MeshStorePostgres

/// Backups of a database, and what control planes see of a restore.
@Suite("The content of a PostgreSQL database", .timeLimit(.minutes(15))) struct PostgresContentTests {
  @Test("is read at one moment, and restored under running control planes, which follow")
  func restored() async throws {
    let server = try await PostgresServer.shared()
    let database = try await server.makeDatabase()
    let configuration = server.configuration(database)
    #expect(try await PostgresContent.schema(of: configuration).present == 0)
    try await withStores(server, database) { stores in
      try await stores[0].put(.mesh())
      for number in 0..<3 { try await stores[0].put(.dataplane("d\(number)")) }
      let saved = try await stores[0].everything()
      let (content, id) = try await PostgresContent.read(configuration)
      #expect(content.rows.count == 4 && id == stores[0].clusterID)
      let schema = try await PostgresContent.schema(of: configuration)
      #expect(schema.present == schema.known)

      try await stores[1].put(.dataplane("d1"))
      try await stores[1].delete(ResourceKey(type: .dataplane, mesh: "default", name: "d2"))
      try await stores[1].put(.dataplane("later"))
      await expectUnavailable(["2 running control plane(s) use it"]) {
        try await PostgresContent.replace(configuration, with: content, clusterID: id, if: .refused)
      }
      try await PostgresContent.replace(configuration, with: content, clusterID: id, if: .replaced)
      for store in stores {
        try await eventually("the restored content") { try await store.everything().keys == saved.keys }
      }
      for (key, resource) in try await stores[0].everything() {
        // What is there has a newer revision than before and than in the backup, so that no condition holds by chance.
        let revisions: [String: UInt64] = ["default": 2, "d0": 2, "d1": 3, "d2": 1]
        #expect(resource.revision == revisions[key.name] && resource.creationTime == saved[key]?.creationTime)
        #expect(resource.spec == saved[key]?.spec)
      }
      // They go on writing.
      try await stores[1].put(.dataplane("after"))
      try await eventually("the write after") {
        stores[0].get(ResourceKey(type: .dataplane, mesh: "default", name: "after")) != nil
      }
    }
    let (content, id) = try await PostgresContent.read(configuration)
    await expectUnavailable(["it holds 5 resource(s)"]) {
      try await PostgresContent.replace(configuration, with: content, clusterID: id, if: .refused)
    }
    // Into an empty database, whose tables are made.
    let other = server.configuration(try await server.makeDatabase())
    try await PostgresContent.replace(other, with: content, clusterID: id, if: .refused)
    let copy = try await PostgresContent.read(other)
    #expect(Set(copy.content.rows) == Set(content.rows) && copy.clusterID == id)
  }
}
