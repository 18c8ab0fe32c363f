import Foundation
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Runs the program as users do: as a process of its own, in a home of its own.
struct KumactlProcess: Sendable {
  struct Outcome: Sendable, Equatable {
    var status: Int32
    var output: String
    var errors: String
  }

  /// The home, which is also the working directory.
  let home: URL

  /// Makes an empty home and removes it afterwards.
  static func withHome<Value>(_ body: (KumactlProcess) async throws -> Value) async throws -> Value {
    let home = FileManager.default.temporaryDirectory.appending(path: "kumactl-home-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: home) }
    return try await body(KumactlProcess(home: home))
  }

  /// Writes a file of the home.
  func write(_ text: String, to name: String) throws {
    let url = home.appending(path: name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  /// Runs a command line and waits for its end.
  func callAsFunction(_ arguments: String..., input: String = "") async throws -> Outcome {
    try await run(arguments, input: input)
  }

  /// Runs a command line at a terminal, and returns what is seen there. Lines end as on a terminal.
  func onTerminal(_ line: String) async throws -> String {
    let seen = home.appending(path: ".\(UUID().uuidString).seen")
    defer { try? FileManager.default.removeItem(at: seen) }
    let run = try await ProgramOutput.of(
      ChildProcess.Command(
        "/usr/bin/script",
        ["--quiet", "--return", "--command", "\(TestPrograms.path("kumactl")) \(line)", "/dev/null"],
        environment: ["HOME": home.path(percentEncoded: false), "NO_COLOR": "1", "PATH": "/usr/bin:/bin"],
        directory: home.path(percentEncoded: false), input: .file("/dev/null"),
        output: .file(seen.path(percentEncoded: false))))
    #expect(run.status.shellCode == 0, "\(line): \(run.errors)")
    return String(decoding: try Data(contentsOf: seen), as: UTF8.self)
  }

  /// Runs a command line and waits for its end.
  func run(_ arguments: [String], input: String = "") async throws -> Outcome {
    // Files rather than lines: the tests compare every byte, also the last line end.
    let files = (0..<3).map { home.appending(path: ".\(UUID().uuidString).\($0)") }
    defer { for file in files { try? FileManager.default.removeItem(at: file) } }
    let paths = files.map { $0.path(percentEncoded: false) }
    try Data(input.utf8).write(to: files[0])
    let run = try await ProgramOutput.of(
      ChildProcess.Command(
        TestPrograms.path("kumactl"), arguments,
        environment: ["HOME": home.path(percentEncoded: false), "PATH": "/usr/bin:/bin"],
        directory: home.path(percentEncoded: false), input: .file(paths[0]), output: .file(paths[1]),
        errors: .file(paths[2])))
    func text(_ file: URL) throws -> String { String(decoding: try Data(contentsOf: file), as: UTF8.self) }
    return Outcome(status: run.status.shellCode, output: try text(files[1]), errors: try text(files[2]))
  }
}
