public import GRDB
import SystemErrors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An SQLite database that this program has open and no other program can open.
///
/// A commit is durable when it returns (write-ahead log, `synchronous = FULL`), in the files at the path: see
/// ``transaction(on:_:)``. Only the owner can read the file and the files beside it.
public struct DatabaseFile: Sendable {
  /// The path of the database, as it was given.
  public let path: String
  /// The connections.
  public let pool: DatabasePool
  private let kind: DatabaseKind
  private let lock: FileLock
  private let files: DatabaseFiles
  private let writing: WritingState

  /// How long after a failed write ``obstacle()`` waits before it tries another one: short, so that a program is known to be well
  /// soon after its disk is, and one trial costs little beside what a probe costs anyway.
  public static let patience = Duration.seconds(2)

  /// Opens a database, or creates it with its directories (mode 0700), and migrates its schema.
  ///
  /// - Parameters:
  ///   - busyTimeout: how many seconds to wait for another program that uses the file, such as a backup.
  ///   - report: called with a sentence (the cause and the fix) when writes begin to fail, and with nil when they succeed
  ///     again.
  ///   - patience: how long after a failed write ``obstacle()`` waits before it tries another one.
  /// - Throws: ``DatabaseFileError``.
  public init(
    path: String, kind: DatabaseKind, busyTimeout: Double, patience: Duration = DatabaseFile.patience,
    report: @escaping @Sendable (String?) -> Void = { _ in }
  ) throws(DatabaseFileError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw DatabaseFileError(
        code: .unsuitable, message: "the \(kind.noun) has no usable path; give the path of a file")
    }
    self.path = path
    self.kind = kind
    writing = WritingState(patience: patience, report: report)
    // Some names, such as ":memory:", are special to SQLite; a path with a slash is always a file.
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
        // The pool sets NORMAL when it is created, which can lose the last commits in a power failure.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        for setting in kind.settings { try database.execute(sql: setting) }
      }
      let known = kind.migrator.migrations
      if let version = try pool.read(kind.migrator.appliedIdentifiers).subtracting(known).max() {
        throw DatabaseFileError(
          code: .unsuitable,
          message: "the \(kind.noun) \(path) was written by a newer version of this program: its schema is "
            + "\"\(version)\", and this program knows \"\(known.last ?? "")\"; start that version, or give another path"
        )
      }
      try kind.migrator.migrate(pool)
      // All three files exist after the first write.
      files = DatabaseFiles(path: file)
    } catch {
      throw DatabaseFileError(error, kind, path: path, doing: "opened")
    }
  }

  /// Closes the connections and releases the lock. The checkpoint moves everything into the database file, which can then be
  /// copied; what it could not move stays in the log beside it and is recovered when the database is opened.
  public func close() throws(DatabaseFileError) {
    _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    do {
      try pool.close()
      lock.release()
    } catch {
      throw self.error(error, doing: "closed")
    }
  }

  /// A failure as a sentence that names the file and the fix.
  ///
  /// - Parameter action: the action that failed, as a participle such as `written`.
  public func error(_ error: any Error, doing action: String) -> DatabaseFileError {
    DatabaseFileError(error, kind, path: path, doing: action)
  }

  // MARK: Writing

  /// Runs statements in a transaction. It is committed only if the open files are still the files at the path.
  ///
  /// - Throws: what the statements throw, SQLite's errors, and ``DatabaseFileError`` `unavailable` if a file was deleted or
  ///   replaced. Then nothing was written.
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

  /// Why writes fail at the moment, as a sentence that names the file and the fix; nil if they succeed.
  ///
  /// The last write tells. If it failed some time ago, a small write tells instead, so that an idle store does not stay
  /// unhealthy.
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

  /// Waits until the thread that writes has come to this question. It writes nothing.
  public func writerTurn() async {
    await withCheckedContinuation { continuation in
      pool.asyncWriteWithoutTransaction { _ in continuation.resume() }
    }
  }

  private func checkFiles() throws(DatabaseFileError) {
    guard let lost = files.firstLost else { return }
    throw DatabaseFileError(
      code: .unavailable,
      message:
        "the \(kind.noun) \(path) cannot be written: \(lost.path) was \(lost.isReplaced ? "replaced" : "deleted") "
        + "while it was open; move the original file back, or restart the \(kind.owner), which then opens the file at this "
        + "path (until then the old content can still be read)")
  }

  static func makeDirectories(
    for file: String, _ kind: DatabaseKind, path: String
  ) throws(DatabaseFileError) {
    let directory = String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])
    if case .failure(let failure) = FileAccess.makeDirectories(directory) {
      throw DatabaseFileError(
        code: .unavailable,
        message: "the directory \(failure.path) of the \(kind.noun) \(path) cannot be created: "
          + "\(SystemError(failure.number)); create it, or give another path")
    }
  }

  /// Creates the file before SQLite does, with a mode that lets only the owner read it; SQLite gives its log the same mode.
  private static func makeFile(_ file: String, _ kind: DatabaseKind, path: String) throws(DatabaseFileError) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .cannotOpen(kind, path) }
    // No connection is open yet: closing any descriptor of the file would release SQLite's locks.
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
