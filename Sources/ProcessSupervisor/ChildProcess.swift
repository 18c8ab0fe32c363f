import CSpawn
import Glibc
import Synchronization

/// A process that this one started, and that never outlives it.
///
/// The child leads a process group of its own, so Ctrl-C in a terminal reaches only the parent, which passes on what it
/// wants to. When the child ends, the rest of its group is killed; when this process ends in any way, SIGKILL included,
/// the system kills the child. Descriptors other than 0, 1 and 2 are not inherited, signals are at their defaults.
public struct ChildProcess: Sendable {
  /// What to start and how.
  public struct Command: Sendable {
    /// The program: a path, or a name that is looked up in `PATH`.
    public var program: String
    /// The arguments after the program's name.
    public var arguments: [String]
    /// The whole environment; `nil` for this process's own.
    public var environment: [String: String]?
    /// The working directory; `nil` for this process's own.
    public var directory: String?
    /// Where its input comes from.
    public var input: Input
    /// Where its output goes.
    public var output: Output
    /// Where its errors go.
    public var errors: Output
    /// Namespaces of another process that it is to run in; `nil` for this process's own.
    public var namespaces: ProcessNamespaces?

    /// Names a program, with input and output as this process has them.
    public init(
      _ program: String, _ arguments: [String] = [], environment: [String: String]? = nil, directory: String? = nil,
      input: Input = .none, output: Output = .inherit, errors: Output = .inherit,
      namespaces: ProcessNamespaces? = nil
    ) {
      self.program = program
      self.arguments = arguments
      self.environment = environment
      self.directory = directory
      self.input = input
      self.output = output
      self.errors = errors
      self.namespaces = namespaces
    }
  }

  /// Where a child's input comes from.
  public enum Input: Sendable {
    /// No input.
    case none
    /// This process's own input.
    case inherit
    /// A file, from its beginning.
    case file(String)
  }

  /// Where a child's output goes.
  public enum Output: Sendable {
    /// Where this process's own goes.
    case inherit
    /// Nowhere.
    case discard
    /// Appended to a file, which is created with a mode for its owner only.
    case file(String)
    /// Line by line, without line ends, to a function that is called on a thread of the child's; all lines have been
    /// delivered when the exit status is. A line is split after 64 KiB; bytes that are not UTF-8 are replaced.
    case lines(@Sendable (String) -> Void)
  }

  private let record: ChildRecord

  /// The process's number. It stays reserved until the end of the process is known here.
  public var pid: Int32 { record.pid }

  /// The program, as it was found.
  public let executable: String

  /// Starts a process; when this returns, the program runs.
  ///
  /// - Parameter onExit: called once when the process has ended, on a thread of its own.
  /// - Throws: ``SpawnError``.
  public static func start(
    _ command: Command, onExit: (@Sendable (ExitStatus) -> Void)? = nil
  ) throws(SpawnError) -> ChildProcess {
    let environment = command.environment ?? currentEnvironment
    guard let executable = find(command.program, path: environment["PATH"]) else {
      throw SpawnError(
        code: .noProgram, message: "there is no program \(command.program) in PATH", errorNumber: ENOENT)
    }
    var texts = [executable, command.directory ?? ""] + command.arguments
    texts += environment.flatMap { [$0.key, $0.value] }
    guard texts.allSatisfy({ !$0.utf8.contains(0) }) else {
      throw SpawnError(
        code: .failed, message: "\(executable) cannot be started: an argument or variable holds a zero byte")
    }
    let descriptors = try ChildDescriptors(command, executable: executable)
    let record = ChildRecord(onExit: onExit)
    if !descriptors.outputs.isEmpty { try record.startReader(descriptors.takeOutputs(), executable: executable) }
    do {
      try record.spawn(command, executable: executable, environment: environment, descriptors: descriptors)
    } catch {
      record.stopReader()
      throw error
    }
    return ChildProcess(record: record, executable: executable)
  }

  /// Waits for the process to end, also when the calling task is cancelled: end the process to end the wait.
  public func exitStatus() async -> ExitStatus { await record.exitStatus() }

  /// How the process ended; `nil` while it runs.
  public var currentExitStatus: ExitStatus? { record.currentExitStatus }

  /// Sends a signal to the process; nothing happens when it has ended.
  public func signal(_ signal: ProcessSignal) { record.signal(signal.rawValue, wholeGroup: false) }

  /// Asks the process to end, and kills it with its whole group when it has not after a time.
  ///
  /// - Parameter grace: how long it may take.
  @discardableResult
  public func terminate(grace: Duration) async -> ExitStatus {
    signal(.terminate)
    return await end(within: grace)
  }

  /// Waits for the process to end, and kills it with its whole group when it has not after a time.
  ///
  /// - Parameter grace: how long it may take.
  @discardableResult
  public func end(within grace: Duration) async -> ExitStatus {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [record] in
        // It returns when the time is over, and throws when the process has ended or the wait was cancelled.
        do {
          try await Task.sleep(for: grace)
        } catch {
          guard record.currentExitStatus == nil else { return }
        }
        record.signal(SIGKILL, wholeGroup: true)
      }
      let status = await record.exitStatus()
      group.cancelAll()
      return status
    }
  }

  /// Finds a program as a shell would: a name with a slash is a path, another is looked up.
  ///
  /// - Parameter path: directories separated by colons.
  public static func find(_ program: String, path: String?) -> String? {
    guard !program.isEmpty else { return nil }
    if program.utf8.contains(UInt8(ascii: "/")) { return program }
    for directory in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
      let candidate = "\(directory)/\(program)"
      var information = stat()
      guard stat(candidate, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { continue }
      if access(candidate, X_OK) == 0 { return candidate }
    }
    return nil
  }

  /// The environment of this process.
  public static var currentEnvironment: [String: String] {
    var result: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
      let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if let name = pair.first, pair.count == 2, !name.isEmpty { result[String(name)] = String(pair[1]) }
      entry += 1
    }
    return result
  }
}
