import Foundation
import MeshTestSupport
import ProcessSupervisor
import Synchronization

/// The programs under test, where the build puts them: beside the tests.
enum Programs {
  static func path(_ name: String) throws -> String {
    try TestPrograms.path(name)
  }

  /// The real Envoy.
  static let envoy = TestPrograms.envoy

  /// The same without what starts it.
  static let envoyProgram = TestPrograms.envoyProgram

  /// Without variables that would configure the programs behind the tests' backs.
  static var environment: [String: String] {
    ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KUMA_") }
  }

  /// Runs a program to its end.
  static func run(
    _ name: String, _ arguments: [String], home: URL
  ) async throws -> (status: ExitStatus, output: [String], errors: [String]) {
    let output = Lines()
    let errors = Lines()
    var environment = environment
    environment["HOME"] = home.path(percentEncoded: false)
    let process = try ChildProcess.start(
      ChildProcess.Command(
        path(name), arguments, environment: environment, output: .lines(output.append), errors: .lines(errors.append)))
    return (await process.exitStatus(), output.all, errors.all)
  }
}

/// Lines that a thread writes and tests read.
final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }
  func append(_ line: String) { lines.withLock { $0.append(line) } }
  /// The last lines, for messages.
  func tail(_ count: Int = 15) -> String { all.suffix(count).joined(separator: "\n") }
}
