import GRDB
package import SQLiteFiles

/// The database of a ``SegmentStore`` as a file that no store has open here: what backups are made of.
package enum TraceDatabase {
  /// The kind of database.
  package static var kind: DatabaseKind { StoreFile.kind }

  /// Whether a database holds spans.
  package static func holdsSpans(_ path: String) throws -> Bool {
    try kind.read(path) { database in
      let tables = try Set(String.fetchAll(database, sql: "SELECT name FROM sqlite_master WHERE type = 'table'"))
      // `span` is the table of the first version.
      for table in ["block", "segment", "span"] where tables.contains(table) {
        if try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM \(table))") == true { return true }
      }
      return false
    }
  }
}
