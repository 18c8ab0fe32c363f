import Foundation
import GRDB
import SQLiteFiles
import TraceModel

/// The database file of a span store: its schema, and its errors as ``CollectorError``s.
struct StoreFile: Sendable {
  private let file: DatabaseFile

  var path: String { file.path }
  var pool: DatabasePool { file.pool }

  static var kind: DatabaseKind {
    DatabaseKind(
      noun: "trace store", owner: "collector", retry: "send again", repair: "move it away to start with an empty one",
      // "kmtr" in ASCII.
      applicationID: 0x6b6d_7472,
      // Checkpoints are rare, because each syncs the file again.
      settings: ["PRAGMA wal_autocheckpoint = 4000", "PRAGMA journal_size_limit = 67108864"], migrator: migrator)
  }

  init(
    path: String, busyTimeout: Double, patience: Duration, report: @escaping @Sendable (String?) -> Void
  ) throws(CollectorError) {
    do {
      file = try DatabaseFile(path: path, kind: Self.kind, busyTimeout: busyTimeout, patience: patience, report: report)
    } catch {
      throw CollectorError(error)
    }
  }

  /// The schema, one migration for each version. Never change a released migration: add one.
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
    migrator.registerMigration("2 segments") { database in
      try database.execute(
        sql: """
          -- The spans of a commit, until they are put in order.
          CREATE TABLE block (
            id INTEGER NOT NULL PRIMARY KEY,
            -- When the last of them came, in milliseconds since 1970.
            received INTEGER NOT NULL,
            -- See SpanBlock.
            data BLOB NOT NULL
          ) STRICT;
          -- Spans in order, as many as come in seconds or hours; retention removes whole ones.
          CREATE TABLE segment (
            id INTEGER NOT NULL PRIMARY KEY,
            spans INTEGER NOT NULL,
            received INTEGER NOT NULL,
            first_time INTEGER NOT NULL,
            last_time INTEGER NOT NULL,
            -- See Segment.
            head BLOB NOT NULL
          ) STRICT;
          -- See Segment.Part.
          CREATE TABLE piece (
            id INTEGER NOT NULL PRIMARY KEY,
            data BLOB NOT NULL
          ) STRICT;
          """)
      try Self.moveSpans(database)
      try database.execute(sql: "DROP TABLE posting; DROP TABLE term; DROP TABLE span")
    }
    migrator.registerMigration("3 canary") { database in
      try database.execute(
        sql: """
          -- The newest traces of the collector's own canary.
          CREATE TABLE canary (
            id INTEGER NOT NULL PRIMARY KEY,
            -- The low half of the trace's id.
            trace INTEGER NOT NULL,
            -- When it came, in milliseconds since 1970.
            received INTEGER NOT NULL,
            -- See SpanBlock.
            data BLOB NOT NULL
          ) STRICT;
          """)
    }
    return migrator
  }

  private static let spansPerMovedBlock = 1_000

  /// Converts the rows of version 1 to blocks. The records are the same. Opening the store compacts the blocks.
  private static func moveSpans(_ database: Database) throws {
    let insert = try database.makeStatement(sql: "INSERT INTO block (received, data) VALUES (?, ?)")
    let rows = try Row.fetchCursor(database, sql: "SELECT trace, record FROM span ORDER BY id")
    var spans: [(low: UInt64, length: Int)] = []
    var records: [UInt8] = []
    var received: Int64 = 0
    func endBlock() throws {
      guard !spans.isEmpty else { return }
      try insert.execute(arguments: [received, Data(SpanBlock.encode(spans, records))])
      spans.removeAll(keepingCapacity: true)
      records.removeAll(keepingCapacity: true)
    }
    while let row = try rows.next() {
      guard let trace = Int64.fromDatabaseValue(row[0]) else { continue }
      try row.withUnsafeData(atIndex: 1) { data in
        try data?.withUnsafeBytes { bytes in
          guard let time = try SpanRecord.received(bytes) else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "the record of a span is damaged")
          }
          received = max(received, time)
          spans.append((UInt64(bitPattern: trace), bytes.count))
          records.append(contentsOf: bytes)
        }
      }
      if spans.count >= spansPerMovedBlock { try endBlock() }
    }
    try endBlock()
  }

  /// See ``DatabaseFile/transaction(on:_:)``.
  func transaction(on database: Database, _ statements: () throws -> Void) throws {
    try file.transaction(on: database, statements)
  }

  /// Why nothing can be written now; nil if writes work.
  func obstacle() async -> String? { await file.obstacle() }

  /// See ``DatabaseFile/writerTurn()``.
  func writerTurn() async { await file.writerTurn() }

  func close() throws(CollectorError) {
    do {
      try file.close()
    } catch {
      throw CollectorError(error)
    }
  }

  /// The error for a failure, whose message names the file and says what to do.
  func error(_ error: any Error, doing action: String) -> CollectorError {
    if let error = error as? UnknownVersion {
      return CollectorError(
        code: .unavailable, message: "the trace store \(path) cannot be \(action): \(error)", cause: error)
    }
    return error as? CollectorError ?? CollectorError(file.error(error, doing: action))
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
