import Glibc
import ProcessSupervisor
import Synchronization
import SystemErrors

/// An Envoy that was started.
struct EnvoyProcess: Sendable {
  /// The process.
  let child: ChildProcess
  private let lastWords: LastWords

  /// How long Envoy may take to end once it has been asked to, before it is killed.
  static let grace: Duration = .seconds(5)

  /// Starts Envoy and copies its output to standard error, line by line and without credentials.
  ///
  /// - Parameter onExit: called once when it has ended and all of its output has been passed on.
  /// - Throws: ``LaunchFailure``.
  static func start(
    _ executable: String, bootstrapFile: String, _ configuration: LaunchConfiguration,
    onExit: @escaping @Sendable (ExitStatus) -> Void
  ) throws(LaunchFailure) -> EnvoyProcess {
    let lastWords = LastWords()
    let pass = { @Sendable (said: String) in
      let line = LogCredentials.masked(said)
      lastWords.take(line)
      FileAccess.write("\(line)\n".utf8, to: STDERR_FILENO)
    }
    do {
      let child = try ChildProcess.start(
        ChildProcess.Command(
          executable, arguments(bootstrapFile: bootstrapFile, configuration), output: .lines(pass),
          errors: .lines(pass)), onExit: onExit)
      return EnvoyProcess(child: child, lastWords: lastWords)
    } catch {
      throw LaunchFailure(.unusableEnvoy, "Envoy cannot be started: \(error.message)", cause: error)
    }
  }

  /// The arguments of Envoy. Source: Envoy 1.40, `envoy --help`.
  static func arguments(bootstrapFile: String, _ configuration: LaunchConfiguration) -> [String] {
    var arguments = [
      "-c", bootstrapFile, "--drain-time-s", String(configuration.drainSeconds),
      // Hot restart shares memory by a number that every Envoy of a machine would need to have of its own.
      "--disable-hot-restart", "-l", configuration.envoyLogLevel,
    ]
    if let levels = configuration.envoyComponentLogLevel { arguments += ["--component-log-level", levels] }
    if let concurrency = configuration.concurrency { arguments += ["--concurrency", String(concurrency)] }
    return arguments
  }

  /// Why Envoy ended, as far as it said; empty when it did not.
  var reason: String { lastWords.text }

  /// What Envoy said last that may be the reason of its end.
  private final class LastWords: Sendable {
    private let words = Mutex("")

    var text: String { words.withLock { $0 } }

    func take(_ line: String) {
      // Before it fails, Envoy says why in a line without a time and place in front; log lines have them.
      let isLogged = line.hasPrefix("[")
      guard isLogged ? line.contains("][critical][") || line.contains("][error][") : !line.isEmpty else { return }
      let start = isLogged ? line.lastIndex(of: "]").map { line.index(after: $0) } ?? line.startIndex : line.startIndex
      let text = line[start...].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      words.withLock { $0 = text }
    }
  }
}
