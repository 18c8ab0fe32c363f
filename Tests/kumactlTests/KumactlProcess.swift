import Foundation
import MeshTestSupport

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

  /// Runs a command line and waits for its end.
  func run(_ arguments: [String], input: String = "") async throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: try TestPrograms.path("kumactl"))
    process.arguments = arguments
    process.currentDirectoryURL = home
    process.environment = ["HOME": home.path(), "PATH": "/usr/bin:/bin"]
    // Files rather than pipes: no output is too long for them.
    let names = (0..<3).map { ".\(UUID().uuidString).\($0)" }
    try write(input, to: names[0])
    try write("", to: names[1])
    try write("", to: names[2])
    defer { for name in names { try? FileManager.default.removeItem(at: home.appending(path: name)) } }
    process.standardInput = try FileHandle(forReadingFrom: home.appending(path: names[0]))
    process.standardOutput = try FileHandle(forWritingTo: home.appending(path: names[1]))
    process.standardError = try FileHandle(forWritingTo: home.appending(path: names[2]))
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      process.terminationHandler = { _ in continuation.resume() }
      do {
        try process.run()
      } catch {
        process.terminationHandler = nil
        continuation.resume(throwing: error)
      }
    }
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: home.appending(path: name)), as: UTF8.self)
    }
    return Outcome(status: process.terminationStatus, output: try text(names[1]), errors: try text(names[2]))
  }
}
