import CSpawn
import Glibc
import SystemErrors

/// Why a process could not be started.
public struct SpawnError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs to match on.
  public enum Code: Sendable, Hashable {
    /// There is no such program, or it is not executable.
    case noProgram
    /// The working directory cannot be entered.
    case noDirectory
    /// A file for input or output cannot be opened.
    case noFile
    /// A namespace cannot be entered.
    case noNamespace
    /// The system has no room for another process, descriptor or thread.
    case noRoom
    /// Anything else.
    case failed
  }

  /// The kind of failure.
  public var code: Code
  /// What is wrong, in a sentence.
  public var message: String
  /// The system's number of the error; 0 where it gave none.
  public var errorNumber: Int32

  /// What is wrong, in a sentence.
  public var description: String { message }

  init(code: Code, message: String, errorNumber: Int32 = 0) {
    self.code = code
    self.message = message
    self.errorNumber = errorNumber
  }

  init(step: kuma_spawn_step, errorNumber: Int32, executable: String, directory: String?) {
    let reason = SystemError(errorNumber)
    switch step {
    case KUMA_SPAWN_EXECUTE:
      // A script whose interpreter is missing fails like a missing file.
      let isMissing = errorNumber == ENOENT && access(executable, F_OK) != 0
      self.init(
        code: .noProgram,
        message: isMissing
          ? "there is no program at \(executable)"
          : errorNumber == ENOENT
            ? "\(executable) cannot be run: its interpreter or dynamic loader is missing"
            : "\(executable) cannot be run: \(reason)",
        errorNumber: errorNumber)
    case KUMA_SPAWN_DIRECTORY:
      self.init(
        code: .noDirectory, message: "\(executable) cannot be run in the directory \(directory ?? ""): \(reason)",
        errorNumber: errorNumber)
    case KUMA_SPAWN_NAMESPACE:
      self.init(
        code: .noNamespace, message: "\(executable) cannot enter the namespaces it is to run in: \(reason)",
        errorNumber: errorNumber)
    case KUMA_SPAWN_FORK, KUMA_SPAWN_THREAD:
      self.init(
        code: .noRoom, message: "\(executable) cannot be started, the system has no room for it: \(reason)",
        errorNumber: errorNumber)
    default:
      self.init(code: .failed, message: "\(executable) cannot be started: \(reason)", errorNumber: errorNumber)
    }
  }
}
