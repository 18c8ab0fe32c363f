import Synchronization

/// What a program has written, and how it has ended.
public struct ProgramOutput: Sendable {
  /// How it has ended.
  public var status: ExitStatus
  /// The lines of its output; none where the command sends it elsewhere.
  public var output: [String]
  /// The lines of its errors; none where the command sends them elsewhere.
  public var errors: [String]

  /// How many lines of each are kept, the first ones; what goes on for ever must not fill the memory.
  private static let lineLimit = 100_000

  /// Runs a program to its end. Output and errors that it would inherit are kept; others go where the command says.
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
    if case .inherit = command.output {
      command.output = .lines { line in
        lines.withLock { if $0.output.count < lineLimit { $0.output.append(line) } }
        note?(line)
      }
    }
    if case .inherit = command.errors {
      command.errors = .lines { line in
        lines.withLock { if $0.errors.count < lineLimit { $0.errors.append(line) } }
        note?(line)
      }
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
