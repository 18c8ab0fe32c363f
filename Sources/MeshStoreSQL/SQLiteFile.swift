import GRDB
import MeshModel
import MeshStore
import SQLiteFiles

/// The database file of a store: its schema, and its failures in the store's terms.
struct SQLiteFile: Sendable {
  private let file: DatabaseFile

  /// The file.
  var path: String { file.path }
  /// The connections.
  var pool: DatabasePool { file.pool }

  static var kind: DatabaseKind {
    DatabaseKind(
      noun: "database", owner: "control plane", retry: "try again",
      repair: "put a copy in its place, or move it away to start with an empty one",
      // "kuma" in ASCII.
      applicationID: 0x6b75_6d61, migrator: migrator)
  }

  init(
    path: String, busyTimeout: Double, pageLimit: Int?, patience: Duration = DatabaseFile.patience,
    report: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(StoreError) {
    do {
      file = try DatabaseFile(
        path: path, kind: Self.kind, busyTimeout: busyTimeout, patience: patience, report: report)
    } catch {
      throw StoreError(error)
    }
    guard let pageLimit else { return }
    do {
      try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pageLimit)") }
    } catch {
      throw self.error(error, doing: "opened")
    }
  }

  /// Every resource, and the store's last clock reading.
  func load() throws(StoreError) -> (resources: [Resource], lastTime: Timestamp) {
    do {
      return try pool.read { database in
        let last = try Int64.fetchOne(database, sql: "SELECT last_time FROM store_clock") ?? 0
        return (try ResourceRow.fetchAll(in: database), Timestamp(nanosecondsSince1970: last))
      }
    } catch {
      throw self.error(error, doing: "read")
    }
  }

  /// See ``DatabaseFile/transaction(on:_:)``.
  func transaction(on database: Database, _ statements: () throws -> Void) throws {
    try file.transaction(on: database, statements)
  }

  /// Why the file cannot be written to now; nil if it can.
  func obstacle() async -> String? { await file.obstacle() }

  /// See ``DatabaseFile/writerTurn()``.
  func writerTurn() async { await file.writerTurn() }

  func close() throws(StoreError) {
    do {
      try file.close()
    } catch {
      throw StoreError(error)
    }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 resources") { database in
      // The owner of a mesh-scoped resource is its mesh: deleting the mesh deletes the resource.
      try database.execute(
        sql: """
          CREATE TABLE resource (
            type TEXT NOT NULL,
            mesh TEXT NOT NULL,
            name TEXT NOT NULL,
            creation_time INTEGER NOT NULL,
            modification_time INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            labels TEXT NOT NULL,
            spec TEXT NOT NULL,
            owner_type TEXT GENERATED ALWAYS AS (CASE WHEN mesh <> '' THEN 'Mesh' END) STORED,
            owner_mesh TEXT GENERATED ALWAYS AS (CASE WHEN mesh <> '' THEN '' END) STORED,
            PRIMARY KEY (type, mesh, name),
            FOREIGN KEY (owner_type, owner_mesh, mesh) REFERENCES resource (type, mesh, name) ON DELETE CASCADE
          ) STRICT;
          CREATE INDEX resource_by_mesh ON resource (mesh, type);
          CREATE TABLE store_clock (
            id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
            last_time INTEGER NOT NULL
          ) STRICT;
          INSERT INTO store_clock (id, last_time) VALUES (1, 0);
          """)
    }
    return migrator
  }
}

extension SQLiteFile {
  /// The error after ``SQLiteStore/close()``.
  var closedError: StoreError {
    StoreError(code: .unavailable, message: "the database \(path) has been closed; open it again")
  }

  /// Whether a failed transaction may succeed without one of its writes. If the file itself cannot be reached, it will not,
  /// and each attempt would wait as long again.
  static func mayBeOneWritesFault(_ error: any Error) -> Bool {
    if error is DatabaseFileError { return false }
    return switch (error as? DatabaseError)?.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN,
      .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_MISUSE:
      false
    default: true
    }
  }

  /// The failure as a sentence that names the file and says what to do.
  func error(_ error: any Error, doing action: String) -> StoreError {
    error as? StoreError ?? StoreError(file.error(error, doing: action))
  }
}

extension StoreError {
  fileprivate init(_ error: DatabaseFileError) {
    self.init(code: .unavailable, message: error.message, cause: error.cause)
  }
}
