import ProcessSupervisor

/// What a program printed, and how it ended.
struct ProgramRun: Sendable {
  var isSuccess: Bool
  var output: String
  /// What it printed as an error, without empty lines.
  var errors: String

  /// Runs a program to its end.
  static func run(_ program: String, _ arguments: [String]) async -> ProgramRun {
    do {
      let run = try await ProgramOutput.of(ChildProcess.Command(program, arguments))
      let text = run.errors.filter { !$0.isEmpty }.joined(separator: "; ")
      return ProgramRun(
        isSuccess: run.status.isSuccess, output: run.output.joined(separator: "\n"),
        errors: text.isEmpty && !run.status.isSuccess ? "\(program) \(run.status)" : text)
    } catch {
      return ProgramRun(isSuccess: false, output: "", errors: error.message)
    }
  }
}
