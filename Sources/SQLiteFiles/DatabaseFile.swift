public import GRDB
import SystemErrors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An SQLite database of ours that is open in this program and in no other.
///
/// A commit is on the disk when it returns (write-ahead log, `synchronous = FULL`), in the files to which the path leads:
/// see ``transaction(on:_:)``. The file and those beside it can be read by their owner only.
public struct DatabaseFile: Sendable {
  /// Where the database is, as it was given.
  public let path: String
  /// The connections.
  public let pool: DatabasePool
  private let kind: DatabaseKind
  private let lock: FileLock
  private let files: DatabaseFiles
  private let writing: WritingState

  /// Opens a database, or makes one where there is none, with the directories above it (mode 0700), and brings its schema
  /// up to date.
  ///
  /// - Parameters:
  ///   - busyTimeout: how many seconds to wait for another program that uses the file, such as a backup.
  ///   - report: is told when writes begin to fail, with a sentence that says why and what to do, and with nil when they
  ///     succeed again.
  ///   - patience: how long after a failed write ``obstacle()`` tries another one.
  /// - Throws: ``DatabaseFileError``.
  public init(
    path: String, kind: DatabaseKind, busyTimeout: Double, patience: Duration = .seconds(30),
    report: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(DatabaseFileError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw DatabaseFileError(
        code: .unsuitable, message: "the \(kind.noun) has no usable path; give the path of a file")
    }
    self.path = path
    self.kind = kind
    writing = WritingState(patience: patience, report: report)
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
      // All three are there once something has been written.
      files = DatabaseFiles(path: file)
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

  // MARK: Writing

  /// Runs statements in a transaction, which is committed if the path still leads to the files that are written.
  ///
  /// - Throws: what the statements throw, SQLite's errors, and ``DatabaseFileError`` `unavailable` where a file was deleted
  ///   or replaced. Nothing was written then.
  public func transaction(on database: Database, _ statements: () throws -> Void) throws {
    do {
      try checkFiles()
      try database.inTransaction(.immediate) {
        try statements()
        try checkFiles()
        return .commit
      }
      writing.succeeded()
    } catch {
      writing.failed(self.error(error, doing: "written").message)
      throw error
    }
  }

  /// Why nothing can be written at the moment, as a sentence that names the file and says what to do; nil if it can.
  ///
  /// That is known from the last write. One that has failed a while ago is tried again with a small one, so that a store to
  /// which nobody writes is not called bad for ever.
  public func obstacle() async -> String? {
    do {
      try checkFiles()
    } catch {
      writing.failed(error.message)
      return error.message
    }
    guard writing.isWorthATrial else { return writing.failure }
    await withCheckedContinuation { continuation in
      pool.asyncWriteWithoutTransaction { database in
        try? transaction(on: database) {
          let version = try Int32.fetchOne(database, sql: "PRAGMA user_version") ?? 0
          try database.execute(sql: "PRAGMA user_version = \(version &+ 1)")
        }
        continuation.resume()
      }
    }
    return writing.failure
  }

  private func checkFiles() throws(DatabaseFileError) {
    guard let lost = files.firstLost else { return }
    throw DatabaseFileError(
      code: .unavailable,
      message:
        "the \(kind.noun) \(path) cannot be written: \(lost.path) was \(lost.isReplaced ? "replaced" : "deleted") "
        + "while it was in use; move the file back that was there, or restart the \(kind.owner), which begins with what is "
        + "there then (until then what it holds can still be read)")
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
          + "\(SystemError.last); make it, or give another path")
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
