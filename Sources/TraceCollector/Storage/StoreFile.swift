import GRDB
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The database file: opening, its schema, its failures in sentences.
struct StoreFile: Sendable {
  let path: String
  let pool: DatabasePool
  private let lock: FileLock

  /// Marks a database as ours ("kmtr" in ASCII), so that another program's file is not taken for one.
  private static let applicationID: Int32 = 0x6b6d_7472

  init(path: String, busyTimeout: Double) throws(CollectorError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw CollectorError(code: .invalid, message: "the trace store has no usable path; give the path of a file")
    }
    // SQLite gives some names a meaning of their own, such as ":memory:"; a path with a slash is always a file.
    let file = path.contains("/") ? path : "./" + path
    self.path = path
    try Self.makeDirectories(for: file)
    lock = try FileLock(path: file + ".lock", of: path)
    // Made here, as SQLite would let others read it, and gives the files beside it the same permissions.
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CollectorError(
        code: .unavailable,
        message: "the trace store \(path) cannot be opened: \(String(cString: strerror(errno))); check its directory "
          + "and permissions")
    }
    closeDescriptor(descriptor)
    var configuration = Configuration()
    configuration.busyMode = .timeout(busyTimeout)
    configuration.label = "SpanStore"
    do {
      pool = try DatabasePool(path: file, configuration: configuration)
      try pool.writeWithoutTransaction { database in
        let owner = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table'") ?? 0
        guard owner == Self.applicationID || (owner == 0 && tables == 0) else {
          throw CollectorError(
            code: .invalid, message: "the file \(path) is a database of another program; give another path")
        }
        if owner == 0 { try database.execute(sql: "PRAGMA application_id = \(Self.applicationID)") }
        // GRDB chooses NORMAL for a pool, which can lose the last commits when the power fails.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        // Rarer checkpoints: each has to sync the file a second time.
        try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
        try database.execute(sql: "PRAGMA journal_size_limit = 67108864")
      }
      if try pool.read(Self.migrator.hasBeenSuperseded) {
        throw CollectorError(
          code: .invalid,
          message: "the trace store \(path) was written by a newer version of this program; start that version, "
            + "or give another path")
      }
      try Self.migrator.migrate(pool)
    } catch {
      throw Self.error(error, path: path, doing: "opened")
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
    // The file alone is then whole, for whoever copies it. Without it nothing is lost either: the log beside it is read
    // when the store is opened again.
    _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    do {
      try pool.close()
      lock.release()
    } catch {
      throw self.error(error, doing: "closed")
    }
  }

  private static func makeDirectories(for file: String) throws(CollectorError) {
    var missing: [String] = []
    var directory = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
    while !directory.isEmpty, access(String(directory), F_OK) != 0 {
      missing.append(String(directory))
      directory = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
    }
    for directory in missing.reversed() where mkdir(directory, 0o700) != 0 && errno != EEXIST {
      throw CollectorError(
        code: .unavailable,
        message: "the directory \(directory) of the trace store cannot be made: \(String(cString: strerror(errno))); "
          + "make it, or give another path")
    }
  }

  /// A failure as a sentence that names the file and says what to do.
  func error(_ error: any Error, doing action: String) -> CollectorError {
    Self.error(error, path: path, doing: action)
  }

  private static func error(_ error: any Error, path: String, doing action: String) -> CollectorError {
    if let error = error as? CollectorError { return error }
    guard let failure = error as? DatabaseError else {
      return CollectorError(
        code: .unavailable, message: "the trace store \(path) cannot be \(action): \(error)", cause: error)
    }
    let cause: String
    switch failure.resultCode {
    case .SQLITE_FULL: cause = "the disk is full; make room, then send again"
    case .SQLITE_BUSY, .SQLITE_LOCKED: cause = "another program has locked it; end that program, then send again"
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN:
      cause = "it or its directory cannot be written; check that both exist and their permissions"
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      cause = "it is damaged or no database; move it away to begin with an empty one"
    case .SQLITE_IOERR: cause = "the disk has failed to read or write; check the disk"
    default: cause = failure.message ?? failure.description
    }
    return CollectorError(
      code: .unavailable, message: "the trace store \(path) cannot be \(action): \(cause)", cause: error)
  }
}

/// Keeps two stores from opening one file: each numbers its spans by itself.
final class FileLock: Sendable {
  private let descriptor: Int32
  private let isHeld = Atomic(true)

  init(path: String, of database: String) throws(CollectorError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CollectorError(
        code: .unavailable,
        message: "the trace store \(database) cannot be opened: \(String(cString: strerror(errno))); check its "
          + "directory and permissions")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      closeDescriptor(descriptor)
      throw CollectorError(
        code: .unavailable,
        message: "the trace store \(database) is in use by another collector; stop that one, or give another path")
    }
    self.descriptor = descriptor
  }

  func release() {
    if isHeld.exchange(false, ordering: .relaxed) { closeDescriptor(descriptor) }
  }

  deinit { release() }
}

/// Closes a file; a name of its own, as types here have a `close` themselves.
private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
