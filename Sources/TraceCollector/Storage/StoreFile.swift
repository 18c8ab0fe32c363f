import GRDB
import SQLiteFiles

/// The database file of a span store: its schema, and its failures in the collector's terms.
struct StoreFile: Sendable {
  private let file: DatabaseFile

  var path: String { file.path }
  var pool: DatabasePool { file.pool }

  private static var kind: DatabaseKind {
    DatabaseKind(
      noun: "trace store", owner: "collector", retry: "send again", repair: "move it away to begin with an empty one",
      // "kmtr" in ASCII.
      applicationID: 0x6b6d_7472,
      // Rarer checkpoints: each has to sync the file a second time.
      settings: ["PRAGMA wal_autocheckpoint = 4000", "PRAGMA journal_size_limit = 67108864"], migrator: migrator)
  }

  init(path: String, busyTimeout: Double) throws(CollectorError) {
    do {
      file = try DatabaseFile(path: path, kind: Self.kind, busyTimeout: busyTimeout)
    } catch {
      throw CollectorError(error)
    }
  }

  /// A store's schema, one step per version. Never change a step that was released: add one.
  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 spans") { database in
      try database.execute(
        sql: """
          CREATE TABLE span (
            -- In the order of arrival; retention removes from the front.
            id INTEGER NOT NULL PRIMARY KEY,
            -- The low half of the trace's id.
            trace INTEGER NOT NULL,
            -- See SpanRecord.
            record BLOB NOT NULL
          ) STRICT;
          CREATE INDEX span_by_trace ON span (trace);
          CREATE TABLE text (
            id INTEGER NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
          ) STRICT;
          CREATE TABLE term (
            id INTEGER NOT NULL PRIMARY KEY,
            kind INTEGER NOT NULL,
            service TEXT NOT NULL,
            value TEXT NOT NULL,
            UNIQUE (kind, service, value)
          ) STRICT;
          CREATE TABLE posting (
            term INTEGER NOT NULL,
            -- The span's start in milliseconds since 1970.
            time INTEGER NOT NULL,
            trace INTEGER NOT NULL,
            PRIMARY KEY (term, time, trace)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    return migrator
  }

  func close() throws(CollectorError) {
    do {
      try file.close()
    } catch {
      throw CollectorError(error)
    }
  }

  /// A failure as a sentence that names the file and says what to do.
  func error(_ error: any Error, doing action: String) -> CollectorError {
    error as? CollectorError ?? CollectorError(file.error(error, doing: action))
  }
}

extension CollectorError {
  fileprivate init(_ error: DatabaseFileError) {
    let code: Code =
      switch error.code {
      case .unsuitable: .invalid
      case .unavailable: .unavailable
      }
    self.init(code: code, message: error.message, cause: error.cause)
  }
}
