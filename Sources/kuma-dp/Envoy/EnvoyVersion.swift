import ProcessSupervisor
import Synchronization

/// What an Envoy says of itself.
struct EnvoyVersion: Sendable, Equatable {
  /// The version: `1.40.0`.
  let number: String
  /// The whole account: commit, version, state of the sources, kind of build, TLS library.
  let build: String

  /// The version that configurations are tested with.
  static let tested = "1.40"

  /// Whether this version is the tested one, patches aside.
  var isTested: Bool { number == Self.tested || number.hasPrefix(Self.tested + ".") }

  /// Reads the output of `envoy --version`: `envoy  version: 9e55809/1.40.0/Clean/RELEASE/BoringSSL`.
  init?(output: String) {
    guard let range = output.firstRange(of: "version:") else { return nil }
    let account = output[range.upperBound...].drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
    let parts = account.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, !parts[1].isEmpty else { return nil }
    number = String(parts[1])
    build = String(account)
  }

  /// Asks a program.
  ///
  /// - Parameter timeout: how long the answer may take.
  /// - Throws: ``LaunchFailure`` when it cannot be run or is no Envoy.
  static func read(from executable: String, timeout: Duration = .seconds(30)) async throws(LaunchFailure)
    -> EnvoyVersion
  {
    let lines = Mutex<[String]>([])
    // A program that is no Envoy may have much to say.
    let note = { @Sendable (line: String) in
      lines.withLock { lines in if lines.count < 20, !line.isEmpty { lines.append(line) } }
    }
    let child: ChildProcess
    do {
      child = try ChildProcess.start(
        ChildProcess.Command(executable, ["--version"], output: .lines(note), errors: .lines(note)))
    } catch {
      throw LaunchFailure(.unusableEnvoy, "Envoy cannot be started: \(error.message)", cause: error)
    }
    let status = await child.end(within: timeout)
    let output = lines.withLock { $0 }
    if status.isSuccess, let version = EnvoyVersion(output: output.joined(separator: "\n")) { return version }
    let said = output.last.map { ": \($0)" } ?? ""
    throw LaunchFailure(
      .unusableEnvoy,
      "\(executable) is not a usable Envoy: with --version it \(status)\(said)")
  }
}
