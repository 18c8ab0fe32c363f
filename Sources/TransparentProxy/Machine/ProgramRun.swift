import ProcessSupervisor
import Synchronization

/// What a program printed, and how it ended.
struct ProgramRun: Sendable {
  var isSuccess: Bool
  var output: String
  /// What it printed as an error, without empty lines.
  var errors: String

  /// Runs a program to its end.
  static func run(_ program: String, _ arguments: [String]) async -> ProgramRun {
    let output = Lines()
    let errors = Lines()
    do {
      let child = try ChildProcess.start(
        ChildProcess.Command(program, arguments, output: .lines(output.add), errors: .lines(errors.add)))
      let status = await child.exitStatus()
      let text = errors.text.filter { !$0.isEmpty }.joined(separator: "; ")
      return ProgramRun(
        isSuccess: status.isSuccess, output: output.text.joined(separator: "\n"),
        errors: text.isEmpty && !status.isSuccess ? "\(program) \(status)" : text)
    } catch {
      return ProgramRun(isSuccess: false, output: "", errors: error.message)
    }
  }

  /// Lines that arrive on another thread; of what goes on for ever, the first 100,000.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var text: [String] { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { if $0.count < 100_000 { $0.append(line) } } }
  }
}
