import GRDB
package import MeshStore
package import SQLiteFiles

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The database of a ``SQLiteStore`` as a file that no store has open here: what backups are made of.
package enum ResourceDatabase {
  /// The kind of database.
  package static var kind: DatabaseKind { SQLiteFile.kind }

  /// What a database holds, also while a store writes to it.
  ///
  /// - Throws: `DatabaseFileError`.
  package static func content(of path: String) throws -> StoredContent {
    try kind.read(path) { database in
      var rows: [StoredContent.Row] = []
      let cursor = try Row.fetchCursor(
        database,
        sql: "SELECT type, mesh, name, creation_time, modification_time, revision, labels, spec FROM resource")
      while let row = try cursor.next() {
        func text(_ index: Int) -> String { String.fromDatabaseValue(row[index]) ?? "" }
        func number(_ index: Int) -> Int64 { Int64.fromDatabaseValue(row[index]) ?? 0 }
        rows.append(
          StoredContent.Row(
            type: text(0), mesh: text(1), name: text(2), creationTime: number(3), modificationTime: number(4),
            revision: number(5), labels: text(6), spec: text(7)))
      }
      return StoredContent(
        rows: rows, lastTime: try Int64.fetchOne(database, sql: "SELECT last_time FROM store_clock") ?? 0)
    }
  }

  /// How many resources a database holds.
  package static func count(in path: String) throws -> Int {
    try kind.read(path) { try Int.fetchOne($0, sql: "SELECT count(*) FROM resource") ?? 0 }
  }

  /// Makes a database that holds a content.
  ///
  /// - Parameter path: a file that is not there yet.
  /// - Throws: `DatabaseFileError`.
  package static func make(_ content: StoredContent, at path: String) throws {
    let file = try DatabaseFile(path: path, kind: kind, busyTimeout: 5)
    defer { unlink(path + ".lock") }
    do {
      try file.pool.writeWithoutTransaction { database in
        try file.transaction(on: database) {
          // A resource may stand before its mesh.
          try database.execute(sql: "PRAGMA defer_foreign_keys = ON")
          let insert = try database.makeStatement(
            sql: """
              INSERT INTO resource (type, mesh, name, creation_time, modification_time, revision, labels, spec)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?)
              """)
          for row in content.rows {
            try insert.execute(arguments: [
              row.type, row.mesh, row.name, row.creationTime, row.modificationTime, row.revision, row.labels, row.spec,
            ])
          }
          try database.execute(sql: "UPDATE store_clock SET last_time = ?", arguments: [content.lastTime])
        }
      }
    } catch {
      try? file.close()
      throw file.error(error, doing: "written")
    }
    try file.close()
  }
}
