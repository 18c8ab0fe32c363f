import CSpawn
import Glibc
import Synchronization

/// What is known of one child; shared by its handle and its threads.
final class ChildRecord: Sendable {
  private struct State {
    var pid: Int32 = -1
    var status: ExitStatus?
    var waiters: [CheckedContinuation<ExitStatus, Never>] = []
    var reader: OutputReader?
  }

  private let state = Mutex(State())
  private let onExit: (@Sendable (ExitStatus) -> Void)?

  init(onExit: (@Sendable (ExitStatus) -> Void)?) { self.onExit = onExit }

  var pid: Int32 { state.withLock { $0.pid } }
  var currentExitStatus: ExitStatus? { state.withLock { $0.status } }

  func exitStatus() async -> ExitStatus {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state in
        if state.status == nil { state.waiters.append(continuation) }
        return state.status
      }
      if let status { continuation.resume(returning: status) }
    }
  }

  /// Sends a signal as long as the process has not been reaped: its number cannot be another's.
  func signal(_ number: Int32, wholeGroup: Bool) {
    state.withLock { state in
      guard state.status == nil, state.pid > 0 else { return }
      // Until the child has made its group the group does not exist; then the process itself is meant.
      if !wholeGroup || kill(-state.pid, number) != 0 { kill(state.pid, number) }
    }
  }

  func startReader(_ outputs: [ChildDescriptors.ReadEnd], executable: String) throws(SpawnError) {
    let reader = try OutputReader(outputs, executable: executable)
    state.withLock { $0.reader = reader }
  }

  /// Waits until everything that was written has been delivered.
  func stopReader() {
    let reader = state.withLock { state in
      defer { state.reader = nil }
      return state.reader
    }
    reader?.finish()
  }

  func spawn(
    _ command: ChildProcess.Command, executable: String, environment: [String: String], descriptors: ChildDescriptors
  ) throws(SpawnError) {
    var arguments: [UnsafeMutablePointer<CChar>?] = ([command.program] + command.arguments).map { strdup($0) }
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
    defer { for text in arguments + variables { free(text) } }
    arguments.append(nil)
    variables.append(nil)
    let namespaces = try OpenNamespaces(command.namespaces, executable: executable)
    let (network, names) = (namespaces[.network], namespaces[.names])
    let (mounts, processes) = (namespaces[.mounts], namespaces[.processes])

    let context = Unmanaged.passRetained(self)
    var pid: pid_t = -1
    var step = KUMA_SPAWN_FORK
    // The lock is held over the start: a child that ends at once is reaped only when its number is noted.
    let error = state.withLock { state in
      let error = executable.withCString { path in
        arguments.withUnsafeBufferPointer { arguments in
          variables.withUnsafeBufferPointer { variables -> Int32 in
            guard let arguments = arguments.baseAddress, let variables = variables.baseAddress else { return EINVAL }
            func start(_ directory: UnsafePointer<CChar>?) -> Int32 {
              var request = kuma_spawn_request(
                executable: path, arguments: arguments, environment: variables, directory: directory,
                standard_input: descriptors.standardInput, standard_output: descriptors.standardOutput,
                standard_error: descriptors.standardError, network_namespace: network, name_namespace: names,
                mount_namespace: mounts, process_namespace: processes)
              return kuma_spawn(
                &request, { pid, context in ChildRecord.ended(pid, context) }, context.toOpaque(), &pid, &step)
            }
            guard let directory = command.directory else { return start(nil) }
            return directory.withCString { start($0) }
          }
        }
      }
      if error == 0 { state.pid = pid }
      return error
    }
    descriptors.close()
    guard error == 0 else {
      context.release()
      throw SpawnError(step: step, errorNumber: error, executable: executable, directory: command.directory)
    }
  }

  private static func ended(_ pid: pid_t, _ context: UnsafeMutableRawPointer?) {
    guard let context else { return }
    Unmanaged<ChildRecord>.fromOpaque(context).takeRetainedValue().reap(pid)
  }

  /// Takes the exit status, with the child still holding its number.
  private func reap(_ pid: pid_t) {
    // What the child left behind in its group goes with it; it might hold the child's output open too.
    kill(-pid, SIGKILL)
    stopReader()
    let (status, waiters) = state.withLock { state in
      var number: Int32 = 0
      while waitpid(pid, &number, 0) < 0 && errno == EINTR {}
      let status = ExitStatus(waitStatus: number)
      state.status = status
      defer { state.waiters = [] }
      return (status, state.waiters)
    }
    onExit?(status)
    for waiter in waiters { waiter.resume(returning: status) }
  }
}
