public import GRDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An SQLite database of ours that is open in this program and in no other.
///
/// A commit is on the disk when it returns (write-ahead log, `synchronous = FULL`). The file and those beside it can be
/// read by their owner only.
public struct DatabaseFile: Sendable {
  /// Where the database is, as it was given.
  public let path: String
  /// The connections.
  public let pool: DatabasePool
  private let kind: DatabaseKind
  private let lock: FileLock

  /// Opens a database, or makes one where there is none, with the directories above it (mode 0700), and brings its schema
  /// up to date.
  ///
  /// - Parameter busyTimeout: how many seconds to wait for another program that uses the file, such as a backup.
  /// - Throws: ``DatabaseFileError``.
  public init(path: String, kind: DatabaseKind, busyTimeout: Double) throws(DatabaseFileError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw DatabaseFileError(
        code: .unsuitable, message: "the \(kind.noun) has no usable path; give the path of a file")
    }
    self.path = path
    self.kind = kind
    // SQLite gives some names a meaning of their own, such as ":memory:"; a path with a slash is always a file.
    let file = path.contains("/") ? path : "./" + path
    try Self.makeDirectories(for: file, kind, path: path)
    lock = try FileLock(path: file + ".lock", of: path, kind: kind)
    try Self.makeFile(file, kind, path: path)

    var configuration = Configuration()
    configuration.busyMode = .timeout(busyTimeout)
    configuration.label = kind.noun
    do {
      pool = try DatabasePool(path: file, configuration: configuration)
      try pool.writeWithoutTransaction { database in
        try Self.checkOwner(database, kind, path: path)
        // After the pool is made: it chooses NORMAL itself, which can lose the last commits when the power fails.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        for setting in kind.settings { try database.execute(sql: setting) }
      }
      if try pool.read(kind.migrator.hasBeenSuperseded) {
        throw DatabaseFileError(
          code: .unsuitable,
          message: "the \(kind.noun) \(path) was written by a newer version of this program; start that version, "
            + "or give another path")
      }
      try kind.migrator.migrate(pool)
    } catch {
      throw DatabaseFileError(error, kind, path: path, doing: "opened")
    }
  }

  /// Ends the connections and gives the file free. Everything is in the one file then, which can be copied; what could not
  /// be moved there is in the log beside it, and read when the database is opened again.
  public func close() throws(DatabaseFileError) {
    _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    do {
      try pool.close()
      lock.release()
    } catch {
      throw self.error(error, doing: "closed")
    }
  }

  /// A failure as a sentence that names the file and says what to do.
  ///
  /// - Parameter action: what was to be done, such as `written`.
  public func error(_ error: any Error, doing action: String) -> DatabaseFileError {
    DatabaseFileError(error, kind, path: path, doing: action)
  }

  private static func makeDirectories(
    for file: String, _ kind: DatabaseKind, path: String
  ) throws(DatabaseFileError) {
    var missing: [String] = []
    var directory = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
    while !directory.isEmpty, access(String(directory), F_OK) != 0 {
      missing.append(String(directory))
      directory = directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]
    }
    for directory in missing.reversed() where mkdir(directory, 0o700) != 0 && errno != EEXIST {
      throw DatabaseFileError(
        code: .unavailable,
        message: "the directory \(directory) of the \(kind.noun) \(path) cannot be made: "
          + "\(DatabaseFileError.reason(errno)); make it, or give another path")
    }
  }

  /// Makes the file before SQLite does, so that nobody else can read it; the log beside it gets the same mode.
  private static func makeFile(_ file: String, _ kind: DatabaseKind, path: String) throws(DatabaseFileError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(kind, path) }
    // Before any connection is open: closing a file would drop SQLite's locks on it.
    closeDescriptor(descriptor)
  }

  private static func checkOwner(_ database: Database, _ kind: DatabaseKind, path: String) throws {
    let owner = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table'") ?? 0
    guard owner == kind.applicationID || (owner == 0 && tables == 0) else {
      throw DatabaseFileError(
        code: .unsuitable, message: "the file \(path) is a database of another program; give another path")
    }
    if owner == 0 { try database.execute(sql: "PRAGMA application_id = \(kind.applicationID)") }
  }
}
