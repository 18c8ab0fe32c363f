import CSpawn
import Glibc
import SystemErrors

/// The descriptors that a child gets, open in this process until the child has its copies.
final class ChildDescriptors {
  /// An output that is read here.
  struct ReadEnd {
    var descriptor: Int32
    var deliver: @Sendable (String) -> Void
  }

  private(set) var standardInput: Int32 = -1
  private(set) var standardOutput: Int32 = -1
  private(set) var standardError: Int32 = -1
  private(set) var outputs: [ReadEnd] = []
  private var owned: [Int32] = []

  init(_ command: ChildProcess.Command, executable: String) throws(SpawnError) {
    do {
      switch command.input {
      case .none: standardInput = try open("/dev/null", O_RDONLY, executable)
      case .inherit: break
      case .file(let path): standardInput = try open(path, O_RDONLY, executable)
      }
      standardOutput = try descriptor(for: command.output, executable)
      standardError = try descriptor(for: command.errors, executable)
    } catch {
      close()
      for output in outputs { Glibc.close(output.descriptor) }
      throw error
    }
  }

  deinit { close() }

  /// Transfers the read ends to the caller, who has to close them.
  func takeOutputs() -> [ReadEnd] {
    let taken = outputs
    outputs = []
    return taken
  }

  /// Closes what was for the child.
  func close() {
    for descriptor in owned { Glibc.close(descriptor) }
    owned = []
  }

  private func descriptor(for output: ChildProcess.Output, _ executable: String) throws(SpawnError) -> Int32 {
    switch output {
    case .inherit: return -1
    case .discard: return try open("/dev/null", O_WRONLY, executable)
    case .file(let path): return try open(path, O_WRONLY | O_CREAT | O_APPEND, executable)
    case .lines(let deliver):
      var ends: (read: Int32, write: Int32) = (-1, -1)
      let error = kuma_pipe(&ends.read, &ends.write)
      guard error == 0 else {
        throw SpawnError(
          code: .noRoom, message: "\(executable) cannot be started: \(SystemError(error))", errorNumber: error)
      }
      // Only the reading end must not block: the flag of the other would be the child's too.
      _ = fcntl(ends.read, F_SETFL, O_NONBLOCK)
      outputs.append(ReadEnd(descriptor: ends.read, deliver: deliver))
      owned.append(ends.write)
      return ends.write
    }
  }

  private func open(_ path: String, _ flags: Int32, _ executable: String) throws(SpawnError) -> Int32 {
    let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw SpawnError(
        code: .noFile, message: "\(executable) cannot be started: \(path) cannot be opened: \(SystemError.last)",
        errorNumber: errno)
    }
    owned.append(descriptor)
    return descriptor
  }
}
