import Synchronization

/// What a program has written, and how it has ended.
public struct ProgramOutput: Sendable {
  /// How it has ended.
  public var status: ExitStatus
  /// The lines of its output.
  public var output: [String]
  /// The lines of its errors.
  public var errors: [String]

  /// How many lines of each are kept, the first ones; what goes on for ever must not fill the memory.
  private static let lineLimit = 100_000

  /// Runs a program to its end. Where the command says that output or errors go is replaced.
  ///
  /// - Parameters:
  ///   - limit: how long it may take; it is killed then.
  ///   - cancellation: sent to it when the task is cancelled; `nil` to wait for its end nevertheless.
  ///   - note: called with each line of its output and errors as they come.
  /// - Throws: ``SpawnError`` when it cannot be started.
  public static func of(
    _ command: ChildProcess.Command, limit: Duration? = nil, cancellation: ProcessSignal? = nil,
    note: (@Sendable (String) -> Void)? = nil
  ) async throws(SpawnError) -> ProgramOutput {
    let lines = Mutex((output: [String](), errors: [String]()))
    var command = command
    command.output = .lines { line in
      lines.withLock { if $0.output.count < lineLimit { $0.output.append(line) } }
      note?(line)
    }
    command.errors = .lines { line in
      lines.withLock { if $0.errors.count < lineLimit { $0.errors.append(line) } }
      note?(line)
    }
    let process = try ChildProcess.start(command)
    let status = await withTaskCancellationHandler {
      if let limit { await process.end(within: limit) } else { await process.exitStatus() }
    } onCancel: {
      if let cancellation { process.signal(cancellation) }
    }
    return lines.withLock { ProgramOutput(status: status, output: $0.output, errors: $0.errors) }
  }
}
