public import GRDB
import SystemErrors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The versions of a database's schema.
public struct DatabaseSchema: Sendable, Hashable {
  /// The versions that the database has, the oldest first.
  public var applied: [String]
  /// The versions that this program knows, the oldest first.
  public var known: [String]

  /// Whether the database has a version that this program does not know.
  public var isNewer: Bool { !Set(applied).isSubset(of: known) }
  /// The versions that the database has yet to get, the oldest first.
  public var missing: [String] { known.filter { !applied.contains($0) } }
}

/// What is done with a database that this program has not opened.
extension DatabaseKind {
  /// Reads a database as it is now, also while another program has it open and writes to it. Nothing is migrated.
  ///
  /// - Throws: what the body throws, and ``DatabaseFileError`` if the file cannot be read or belongs to another program.
  public func read<Value>(_ path: String, _ body: (Database) throws -> Value) throws -> Value {
    do {
      var configuration = Configuration()
      configuration.readonly = true
      configuration.busyMode = .timeout(5)
      let source = try DatabaseQueue(path: path.contains("/") ? path : "./" + path, configuration: configuration)
      return try source.read { database in
        guard try Int32.fetchOne(database, sql: "PRAGMA application_id") == applicationID else {
          throw DatabaseFileError(
            code: .unsuitable, message: "the file \(path) is not a \(noun) of this program; give another path")
        }
        return try body(database)
      }
    } catch let error as DatabaseError {
      throw DatabaseFileError(error, self, path: path, doing: "read")
    }
  }

  /// The versions of a database's schema.
  public func schema(of path: String) throws -> DatabaseSchema {
    let applied = try read(path) { try migrator.appliedIdentifiers($0) }
    let known = migrator.migrations
    return DatabaseSchema(applied: known.filter(applied.contains) + applied.subtracting(known).sorted(), known: known)
  }

  /// Copies a database as it is at one moment, also while another program has it open and writes to it. That program's log grows
  /// until the copy is complete.
  ///
  /// - Parameters:
  ///   - target: the file of the copy, which only its owner can read. It is overwritten.
  ///   - progress: called with the bytes that are copied and the bytes of the whole; if it throws, the copy ends.
  /// - Throws: what `progress` throws, and ``DatabaseFileError``. The target may be there in part.
  public func copy(
    _ path: String, to target: String, progress: (_ copied: Int64, _ total: Int64) throws -> Void
  ) throws {
    let descriptor = open(target, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw DatabaseFileError(
        code: .unavailable, message: "the copy \(target) cannot be written: \(SystemError.last); give another path")
    }
    closeDescriptor(descriptor)
    try read(path) { source in
      // The first read fixes the moment. Without it every step would be a moment of its own, and the copy would begin anew with each
      // write.
      let size = try Int64.fetchOne(source, sql: "PRAGMA page_size") ?? 0
      _ = try Int.fetchOne(source, sql: "SELECT count(*) FROM sqlite_master")
      do {
        let copy = try DatabaseQueue(path: target)
        try copy.writeWithoutTransaction { database in
          // The file is worth nothing before it is complete.
          try database.execute(sql: "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")
          try withoutActuallyEscaping(progress) { progress in
            try source.backup(to: database, pagesPerStep: 1_024) { step in
              try progress(Int64(step.completedPageCount) * size, Int64(step.totalPageCount) * size)
            }
          }
        }
        try copy.close()
      } catch let error as DatabaseError {
        guard error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR else { throw error }
        throw DatabaseFileError(
          code: .unavailable,
          message: "the copy \(target) cannot be written: the disk is full; make room, then try again",
          cause: error)
      }
    }
  }
}

/// Keeps other programs from opening a database while its file is replaced.
public final class DatabaseReservation: Sendable {
  /// The path of the database.
  public let path: String
  private let kind: DatabaseKind
  private let lock: FileLock

  /// Reserves a path. Missing directories are created with mode 0700.
  ///
  /// - Throws: ``DatabaseFileError`` if a program has the database open.
  public init(path: String, kind: DatabaseKind) throws(DatabaseFileError) {
    self.path = path.contains("/") ? path : "./" + path
    self.kind = kind
    try DatabaseFile.makeDirectories(for: self.path, kind, path: path)
    lock = try FileLock(path: self.path + ".lock", of: path, kind: kind)
  }

  /// Whether there is a file.
  public var exists: Bool { access(path, F_OK) == 0 }

  /// What the names of the files beside a database end in that belong to it.
  public static let companions = ["-shm", "-wal"]

  /// Puts a file in the place of the database. The old files stay under other names.
  ///
  /// - Parameters:
  ///   - file: the new database, on the same file system.
  ///   - suffix: what the names of the old files get. A file that has such a name already is an error, and nothing is changed.
  /// - Returns: the name of the old database; nil if there was none.
  /// - Throws: ``DatabaseFileError``.
  public func replace(with file: String, keepingOldWith suffix: String) throws(DatabaseFileError) -> String? {
    let hasOld = exists
    // What is in the log belongs to the old file; a damaged one is moved as it is.
    if hasOld, let database = try? DatabaseQueue(path: path) {
      try? database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
      try? database.close()
    }
    // A log without its database is moved, too: SQLite would write its pages into the new one.
    let parts = (Self.companions + [""]).filter { access(path + $0, F_OK) == 0 }
    if let taken = parts.map({ path + suffix + $0 }).first(where: FileAccess.isTaken) {
      throw DatabaseFileError(
        code: .unavailable, message: "\(taken) is there already and would be overwritten; move it to another place")
    }
    for part in parts { try move(path + part, to: path + suffix + part) }
    try move(file, to: path)
    FileAccess.synchronizeFolder(of: path)
    return hasOld ? path + suffix : nil
  }

  /// Lets other programs open the database.
  public func release() { lock.release() }

  private func move(_ file: String, to target: String) throws(DatabaseFileError) {
    guard rename(file, target) == 0 else {
      throw DatabaseFileError(
        code: .unavailable,
        message: "\(file) cannot be renamed to \(target): \(SystemError.last); check the permissions")
    }
  }
}
