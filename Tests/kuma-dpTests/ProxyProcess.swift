import Foundation
import MeshClient
import MeshTestSupport
import ProcessSupervisor
import Synchronization

@testable import kuma_dp

/// Runs the program as users do: as a process of its own, which ends with the tests at the latest.
struct ProxyProcess: Sendable {
  let child: ChildProcess
  private let output: Output

  private final class Output: Sendable {
    let lines = Mutex<[String]>([])
  }

  /// How long anything may take: the machine may be busy with other tests.
  static let deadline: Duration = .seconds(90)

  /// Starts the program, whose temporary folders are made in a folder.
  static func start(
    in folder: TemporaryFolder, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> ProxyProcess {
    let program = try self.program
    return try start(ChildProcess.Command(program, arguments), in: folder, environment: environment)
  }

  /// Starts the program with text on its standard input.
  static func start(in folder: TemporaryFolder, input: String, _ arguments: [String]) throws -> ProxyProcess {
    let file = try folder.write(input, to: "input")
    // The shell becomes the program.
    let script = #"exec "$0" "$@" < "# + file
    return try start(
      ChildProcess.Command("/bin/sh", ["-c", script, try program] + arguments), in: folder, environment: [:])
  }

  private static var program: String { get throws { try TestPrograms.path("kuma-dp") } }

  private static func start(
    _ command: ChildProcess.Command, in folder: TemporaryFolder, environment: [String: String]
  ) throws -> ProxyProcess {
    var variables = ["PATH": "/usr/bin:/bin", "HOME": folder.path, "TMPDIR": folder.path]
    if let realEnvoy { variables["ENVOY"] = realEnvoy }
    variables["KUMA_CONTROL_PLANE_RETRY_BACKOFF"] = "20ms"
    variables.merge(environment) { _, new in new }
    let output = Output()
    let note = { @Sendable (line: String) in output.lines.withLock { $0.append(line) } }
    var command = command
    command.environment = variables
    command.directory = folder.path
    command.output = .lines(note)
    command.errors = .lines(note)
    return ProxyProcess(child: try ChildProcess.start(command), output: output)
  }

  /// Everything that was written so far.
  var lines: [String] { output.lines.withLock { $0 } }

  /// Everything that was written so far, as one text.
  var text: String { lines.joined(separator: "\n") }

  /// Waits for a line that holds a text.
  @discardableResult
  func line(_ text: String) async throws -> String {
    do {
      return try await eventually(deadline: Self.deadline, "\"\(text)\"") {
        if let line = lines.first(where: { $0.contains(text) }) { return line }
        if child.currentExitStatus != nil { throw NotThere(description: "no \"\(text)\" in:\n\(self.text)") }
        return nil
      }
    } catch let error as NotInTime {
      throw NotThere(description: "\(error) in:\n\(self.text)")
    }
  }

  /// Waits for the end, and returns the exit code as a shell reports it.
  func exitCode() async throws -> Int32 {
    try await eventually(deadline: Self.deadline, "the end of kuma-dp") { child.currentExitStatus?.shellCode }
  }

  /// Waits for the Envoy that the program has started, and returns its number.
  func envoy() async throws -> Int32 {
    try await line("Envoy runs")
    return try await eventually(deadline: Self.deadline, "Envoy") {
      try Self.processes().first { $0.parent == child.pid }?.pid
    }
  }

  /// Envoy's administration interface, at the address that the program says.
  func administration() async throws -> ControlPlaneClient {
    let line = try await line("its administration interface is ")
    let address = String(line[(line.range(of: "http://")?.lowerBound ?? line.endIndex)...])
    return ControlPlaneClient(address: try ControlPlaneAddress(address))
  }

  /// Whether a process runs; one that has ended and is not reaped does not.
  static func isAlive(_ pid: Int32) -> Bool { (try? processes())?.contains { $0.pid == pid } ?? false }

  private static func processes() throws -> [(pid: Int32, parent: Int32)] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
      guard let pid = Int32(name), let text = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
        let fields = text.split(separator: ")").last?.split(separator: " "), fields.count > 1, fields[0] != "Z",
        let parent = Int32(fields[1])
      else { return nil }
      return (pid, parent)
    }
  }

  /// Something did not come, and cannot any more.
  struct NotThere: Error, CustomStringConvertible {
    var description: String
  }
}
