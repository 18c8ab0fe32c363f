import SystemErrors

/// Why a backup could not be written or read.
package struct BackupError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  package enum Code: Sendable, Hashable {
    /// The file system refuses.
    case unavailable
    /// The file is not a backup, or not whole.
    case damaged
    /// The file was written by a newer version of this program.
    case newer
  }

  /// The kind of failure.
  package var code: Code
  /// What is wrong and what to do, in a sentence that names the file.
  package var message: String

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  package var description: String { message }

  static func damaged(_ path: String, _ reason: String) -> BackupError {
    BackupError(code: .damaged, message: "the backup \(path) is damaged: \(reason); take another one")
  }

  /// - Parameter error: the reason; by default that of the last call.
  static func cannot(
    _ action: String, _ path: String, _ error: SystemError = .last, _ fix: String = "check its folder and permissions"
  ) -> BackupError {
    BackupError(code: .unavailable, message: "\(path) cannot be \(action): \(error); \(fix)")
  }
}
