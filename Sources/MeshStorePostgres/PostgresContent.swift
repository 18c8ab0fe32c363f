import Foundation
package import MeshStore

/// The content of a database as a whole: what backups read, and what restores write.
package enum PostgresContent {
  /// The state of the tables.
  package struct Schema: Sendable, Hashable {
    /// The version of the tables; 0 where there are none.
    package var present: Int
    /// The newest version that this program knows.
    package var known: Int
  }

  /// What a restore does with a database that is in use.
  package enum Occupied: Sendable {
    /// It refuses: the database holds resources, or control planes are connected.
    case refused
    /// It replaces what is there. Connected control planes follow.
    case replaced
  }

  /// The version of the tables. Changes nothing.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  package static func schema(of configuration: PostgresConfiguration) async throws(StoreError) -> Schema {
    try await run(configuration, "read") { (connection) throws(PostgresFailure) in
      Schema(present: try MeshStorePostgres.Schema.present(connection), known: MeshStorePostgres.Schema.versions.count)
    }
  }

  /// Creates missing tables and migrates older ones.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  package static func migrate(_ configuration: PostgresConfiguration) async throws(StoreError) {
    try await run(configuration, "migrated") { (connection) throws(PostgresFailure) in
      try MeshStorePostgres.Schema.migrate(connection)
    }
  }

  /// What the database holds at one moment, and its id.
  ///
  /// - Throws: ``StoreError`` `unavailable`.
  package static func read(
    _ configuration: PostgresConfiguration
  ) async throws(StoreError) -> (content: StoredContent, clusterID: String) {
    try await run(configuration, "read") { (connection) throws(PostgresFailure) in
      guard try MeshStorePostgres.Schema.present(connection) > 0 else {
        throw PostgresFailure(.unusable, "it has no tables of a control plane yet")
      }
      let results = try connection.run([
        Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Statement("SELECT last_time, cluster_id::text FROM kuma_trace_store WHERE id = 1"),
        Statement(
          """
          SELECT type, mesh, name, creation_time, modification_time, revision, labels, spec FROM kuma_trace_resource
          """),
        Statement("COMMIT"),
      ])
      guard let lastTime = results[1].int(0, 0), let clusterID = results[1].text(0, 1) else {
        throw PostgresFailure(.unusable, "the row of its table kuma_trace_store is missing; put a copy in its place")
      }
      let table = results[2]
      let rows = (0..<table.count).map { row in
        func text(_ column: Int) -> String { table.text(row, column) ?? "" }
        func number(_ column: Int) -> Int64 { table.int(row, column) ?? 0 }
        return StoredContent.Row(
          type: text(0), mesh: text(1), name: text(2), creationTime: number(3), modificationTime: number(4),
          revision: number(5), labels: text(6), spec: text(7))
      }
      return (StoredContent(rows: rows, lastTime: lastTime), clusterID)
    }
  }

  /// Replaces what the database holds, in one transaction. Creates missing tables.
  ///
  /// A resource that is there gets a new revision, so that whoever writes on the condition of the one before is refused.
  ///
  /// - Parameters:
  ///   - clusterID: the database's id from now on; nil leaves it as it is.
  ///   - occupied: what happens if the database is in use.
  /// - Throws: ``StoreError`` `unavailable`.
  package static func replace(
    _ configuration: PostgresConfiguration, with content: StoredContent, clusterID: String?, if occupied: Occupied
  ) async throws(StoreError) {
    try await run(configuration, "restored") { (connection) throws(PostgresFailure) in
      try MeshStorePostgres.Schema.migrate(connection)
      do throws(PostgresFailure) {
        try replace(connection, with: content, clusterID: clusterID, if: occupied)
      } catch {
        if !error.endsConnection { _ = try? connection.run([Statement("ROLLBACK")]) }
        throw error
      }
    }
  }

  private static func replace(
    _ connection: Connection, with content: StoredContent, clusterID: String?, if occupied: Occupied
  ) throws(PostgresFailure) {
    let present = try connection.run([
      Statement("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
      Statement("SELECT last_change FROM kuma_trace_store WHERE id = 1 FOR UPDATE"),
      Statement("SELECT count(*) FROM kuma_trace_resource"),
      // Each control plane holds an advisory lock while it is connected.
      Statement(
        """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """),
    ])
    guard let last = present[1].int(0, 0) else {
      throw PostgresFailure(.unusable, "the row of its table kuma_trace_store is missing; put a copy in its place")
    }
    if case .refused = occupied {
      let (resources, controlPlanes) = (present[2].int(0, 0) ?? 0, present[3].int(0, 0) ?? 0)
      guard controlPlanes == 0 else {
        throw PostgresFailure(
          .unusable,
          "\(controlPlanes) running control plane(s) use it; stop them, or let --force replace what they have")
      }
      guard resources == 0 else {
        throw PostgresFailure(.unusable, "it holds \(resources) resource(s); let --force replace them")
      }
    }
    let number = Statement.Parameter.int(last + 1)
    var statements = [
      Statement.writing(content.rows, number: last + 1, revision: .above),
      Statement(
        """
        INSERT INTO kuma_trace_deletion (type, mesh, name, change)
        SELECT type, mesh, name, $1 FROM kuma_trace_resource WHERE change < $1
        ON CONFLICT (type, mesh, name) DO UPDATE SET change = excluded.change
        """, number),
      Statement("DELETE FROM kuma_trace_resource WHERE change < $1", number),
      Statement(
        """
        DELETE FROM kuma_trace_deletion AS old USING kuma_trace_resource AS present
        WHERE old.type = present.type AND old.mesh = present.mesh AND old.name = present.name
        """),
      Statement(
        "UPDATE kuma_trace_store SET last_change = $1, last_time = greatest(last_time, $2)", number,
        .int(content.lastTime)),
    ]
    if let clusterID {
      statements.append(Statement("UPDATE kuma_trace_store SET cluster_id = $1::uuid", .text(clusterID)))
    }
    statements.append(
      Statement("SELECT pg_notify('\(MeshStorePostgres.Schema.channel)', $1)", .text(String(last + 1))))
    try connection.run(statements + [Statement("COMMIT")])
  }

  /// Runs something on a connection of its own, on a thread of its own, since connections block theirs.
  private static func run<Value: Sendable>(
    _ configuration: PostgresConfiguration, _ action: String,
    _ body: @escaping @Sendable (Connection) throws(PostgresFailure) -> Value
  ) async throws(StoreError) -> Value {
    let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        do throws(PostgresFailure) {
          let connection = try PostgresHosts(configuration).open(or: WakeSignal()) { false }
          continuation.resume(returning: .success(try body(connection)))
        } catch {
          continuation.resume(returning: .failure(StoreError(error, configuration, doing: action)))
        }
      }
    }
    return try result.get()
  }
}
