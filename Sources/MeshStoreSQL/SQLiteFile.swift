import GRDB
import MeshModel
import MeshStore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The database file: opening, its schema, its failures in sentences.
struct SQLiteFile: Sendable {
  /// The file.
  let path: String
  /// The connections.
  let pool: DatabasePool
  private let lock: FileLock

  /// Marks a database as ours ("kuma" in ASCII), so that another program's file is not taken for one.
  private static let applicationID: Int32 = 0x6b75_6d61

  init(path: String, busyTimeout: Double, pageLimit: Int?) throws(StoreError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw StoreError(code: .unavailable, message: "the database has no usable path; give the path of a file")
    }
    self.path = path
    // SQLite gives some names a meaning of their own, such as ":memory:"; a path with a slash is always a file.
    let file = path.contains("/") ? path : "./" + path
    try Self.makeDirectories(for: file, path: path)
    lock = try FileLock(path: file + ".lock", of: path)
    try Self.makeFile(file, path: path)

    var configuration = Configuration()
    configuration.busyMode = .timeout(busyTimeout)
    configuration.label = "SQLiteStore"
    do {
      pool = try DatabasePool(path: file, configuration: configuration)
      try pool.writeWithoutTransaction { database in
        try Self.checkOwner(database, path: path)
        // After the pool is made: it chooses NORMAL itself, which can lose the last writes when the power fails.
        try database.execute(sql: "PRAGMA synchronous = FULL")
      }
      if try pool.read(Self.migrator.hasBeenSuperseded) {
        throw StoreError(
          code: .unavailable,
          message: "the database \(path) was written by a newer version of this program; start that version, "
            + "or give another path")
      }
      try Self.migrator.migrate(pool)
      if let pageLimit {
        try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pageLimit)") }
      }
    } catch {
      throw Self.error(error, path: path, doing: "opened")
    }
  }

  /// Every resource, and the store's last time.
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

  func close() throws(StoreError) {
    do {
      // So that the one file holds everything, and can be copied. What is in the log is safe in any case.
      _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try pool.close()
      lock.release()
    } catch {
      throw self.error(error, doing: "closed")
    }
  }

  private static func makeDirectories(for file: String, path: String) throws(StoreError) {
    var missing: [String] = []
    var directory = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
    while !directory.isEmpty, access(String(directory), F_OK) != 0 {
      missing.append(String(directory))
      directory = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
    }
    for directory in missing.reversed() where mkdir(directory, 0o700) != 0 && errno != EEXIST {
      throw StoreError(
        code: .unavailable,
        message: "the directory \(directory) of the database \(path) cannot be made: \(reason(errno)); "
          + "make it, or give another path")
    }
  }

  /// Makes the file before SQLite does, so that nobody else can read it; the log beside it gets the same mode.
  private static func makeFile(_ file: String, path: String) throws(StoreError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw StoreError(
        code: .unavailable,
        message: "the database \(path) cannot be opened: \(reason(errno)); check its directory and permissions")
    }
    // Before any connection is open: closing a file would drop SQLite's locks on it.
    closeDescriptor(descriptor)
  }

  private static func checkOwner(_ database: Database, path: String) throws {
    let owner = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table'") ?? 0
    guard owner == applicationID || (owner == 0 && tables == 0) else {
      throw StoreError(
        code: .unavailable, message: "the file \(path) is a database of another program; give another path")
    }
    if owner == 0 { try database.execute(sql: "PRAGMA application_id = \(applicationID)") }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1 resources") { database in
      // The owner of a mesh-scoped resource is its mesh: with it, the resource goes.
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
  /// What is said after ``SQLiteStore/close()``.
  var closedError: StoreError {
    StoreError(code: .unavailable, message: "the database \(path) has been closed; open it again")
  }

  /// Whether a failed transaction may succeed without one of its writes. Where the file itself is out of reach, it will
  /// not, and each attempt would wait for as long again.
  static func mayBeOneWritesFault(_ error: any Error) -> Bool {
    switch (error as? DatabaseError)?.resultCode {
    case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN,
      .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_IOERR, .SQLITE_NOMEM, .SQLITE_MISUSE:
      false
    default: true
    }
  }

  /// A failure as a sentence that names the file and says what to do.
  func error(_ error: any Error, doing action: String) -> StoreError {
    Self.error(error, path: path, doing: action)
  }

  fileprivate static func error(_ error: any Error, path: String, doing action: String) -> StoreError {
    if let error = error as? StoreError { return error }
    guard let failure = error as? DatabaseError else {
      return StoreError(
        code: .unavailable, message: "the database \(path) cannot be \(action): \(error)", cause: error)
    }
    let cause: String
    switch failure.resultCode {
    case .SQLITE_FULL: cause = "the disk is full; make room, then try again"
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      cause = "another program has locked it; end that program or let it finish, then try again"
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN:
      cause = "it or its directory cannot be written; check that both exist and their permissions"
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      cause = "it is damaged or no database; put a copy in its place, or move it away to begin with an empty one"
    case .SQLITE_IOERR: cause = "the disk has failed to read or write; check the disk"
    default: cause = failure.message ?? failure.description
    }
    return StoreError(code: .unavailable, message: "the database \(path) cannot be \(action): \(cause)", cause: error)
  }

  fileprivate static func reason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
