import ProcessSupervisor
import Synchronization

/// Short scripts of the shell that set up namespaces.
enum Script {
  /// What a script has written and how it ended.
  struct Output: Sendable {
    var status: ExitStatus
    var output: String
    var errors: String
  }

  /// Runs a command to its end.
  static func output(of command: ChildProcess.Command) async throws(SpawnError) -> Output {
    let run = try await ProgramOutput.of(command, cancellation: .kill)
    return Output(
      status: run.status, output: run.output.joined(separator: "\n"), errors: run.errors.joined(separator: "\n"))
  }

  /// Runs a script, which ends at the first command that fails.
  ///
  /// - Parameters:
  ///   - what: what it does, for the error: `the bridge of the pods cannot be made`.
  ///   - arguments: what the script finds as `$1` and so on.
  /// - Returns: its output.
  @discardableResult
  static func run(
    _ what: String, _ text: String, _ arguments: [String] = [], in namespaces: ProcessNamespaces? = nil
  ) async throws(PodNetworkError) -> String {
    let result: Output
    do throws(SpawnError) {
      result = try await output(
        of: ChildProcess.Command(
          "/bin/sh", ["-e", "-c", text, "sh"] + arguments, environment: environment, namespaces: namespaces))
    } catch { throw PodNetworkError(code: .failed, message: "\(what): \(error)") }
    guard result.status.isSuccess else {
      let reason = result.errors.isEmpty ? "the script \(result.status)" : result.errors
      throw PodNetworkError(code: .failed, message: "\(what): \(reason)")
    }
    return result.output
  }

  /// The environment of scripts: programs for administrators are not in everybody's `PATH`.
  static let environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"]
}

/// A process that holds namespaces: they exist as long as it does, and it ends with this process, however that ends.
final class NamespaceHolder: Sendable {
  private let process: ChildProcess

  /// Flags for a namespace of processes: the kernel kills all in it with the holder, and so with this process. Without one, the
  /// children of the holder's script would outlive it and hold its other namespaces.
  static let endsWithOwner = ["--pid", "--fork", "--kill-child=SIGKILL"]

  /// The process whose namespaces can be entered.
  var pid: Int32 { process.pid }

  /// Makes namespaces and runs a script in them.
  ///
  /// - Parameters:
  ///   - flags: which ones, as unshare(1) names them.
  ///   - script: it ends with the first command that fails; the namespaces stay after it.
  init(_ what: String, _ flags: [String], script: String, _ arguments: [String] = []) async throws(PodNetworkError) {
    // The shell waits for all that ends in the namespace, so nothing stays as a zombie.
    let text = script + "\necho ready\nwhile :; do sleep 2147483647 & wait; done"
    let (lines, continuation) = AsyncStream<String>.makeStream()
    let errors = Mutex<[String]>([])
    do throws(SpawnError) {
      process = try ChildProcess.start(
        ChildProcess.Command(
          "unshare", flags + ["--", "/bin/sh", "-e", "-c", text, "sh"] + arguments, environment: Script.environment,
          output: .lines { continuation.yield($0) }, errors: .lines { line in errors.withLock { $0.append(line) } }),
        onExit: { _ in continuation.finish() })
    } catch { throw PodNetworkError(code: .failed, message: "\(what): \(error)") }
    for await line in lines where line == "ready" { return }
    // The script has ended, or the task was cancelled.
    let status = await process.end(within: .zero)
    let reason = errors.withLock { $0.isEmpty ? "the script \(status)" : $0.joined(separator: "\n") }
    throw PodNetworkError(code: .failed, message: "\(what): \(reason)")
  }

  /// Ends the process, and with it every process in its namespace of processes.
  func end() async { await process.end(within: .zero) }
}
