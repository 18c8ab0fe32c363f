import GRDB
import SystemErrors

/// Why a database file could not be used.
public struct DatabaseFileError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: Sendable, Hashable {
    /// The program cannot use this path or file; the user has to give another path.
    case unsuitable
    /// The file cannot be used at the moment: it is full, locked, damaged or read-only.
    case unavailable
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong and what to do, in a sentence that names the file.
  public var message: String
  /// The underlying error.
  public var cause: (any Error)?

  /// Describes a failure.
  public init(code: Code, message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }

  static func cannotOpen(_ kind: DatabaseKind, _ path: String) -> DatabaseFileError {
    DatabaseFileError(
      code: .unavailable,
      message: "the \(kind.noun) \(path) cannot be opened: \(SystemError.last); check its directory and permissions")
  }

  /// Describes an error of SQLite as a sentence.
  init(_ error: any Error, _ kind: DatabaseKind, path: String, doing action: String) {
    if let error = error as? DatabaseFileError {
      self = error
      return
    }
    let cause: String
    switch (error as? DatabaseError)?.resultCode {
    case nil: cause = "\(error)"
    case .SQLITE_FULL?: cause = "the disk is full; make room, then \(kind.retry)"
    case .SQLITE_BUSY?, .SQLITE_LOCKED?:
      cause = "another program has locked it; end that program, then \(kind.retry)"
    case .SQLITE_READONLY?, .SQLITE_PERM?, .SQLITE_AUTH?, .SQLITE_CANTOPEN?:
      cause = "it or its directory cannot be written; check that both exist and their permissions"
    case .SQLITE_CORRUPT?, .SQLITE_NOTADB?: cause = "it is damaged or not a database; \(kind.repair)"
    case .SQLITE_IOERR?:
      cause = "the disk reported an error; check the disk, its quota and the limit of file sizes (ulimit -f)"
    default: cause = (error as? DatabaseError)?.message ?? "\(error)"
    }
    self.init(
      code: .unavailable, message: "the \(kind.noun) \(path) cannot be \(action): \(cause)", cause: error)
  }
}
