import Foundation
import ProcessSupervisor
import Synchronization

/// The programs of Kubernetes that `Scripts/kubernetes-apiserver build` puts into the user's cache.
package enum KubernetesPrograms {
  /// A program cannot be used, or failed.
  package struct Failure: Error, CustomStringConvertible {
    /// What is wrong and what to do.
    package let description: String
  }

  /// What a program has written and how it ended.
  package struct Output: Sendable {
    /// 0 for success; 128 and the signal's number when a signal ended it.
    package var status: Int32
    /// The lines of its standard output, without the end of the last one.
    package var output: String
    /// The lines of its standard error, without the end of the last one.
    package var errors: String

    /// Whether it ended with 0.
    package var isSuccess: Bool { status == 0 }
  }

  /// The folder of `etcd`, `kube-apiserver`, `kube-controller-manager`, `kubectl`, `kubectl-1.20` and `helm`; a sentence when
  /// one is missing.
  static let folder: Result<String, Failure> = {
    let lines = Mutex<[String]>([])
    let note: @Sendable (String) -> Void = { line in lines.withLock { $0.append(line) } }
    do {
      let process = try ChildProcess.start(
        ChildProcess.Command(script, ["path"], output: .lines(note), errors: .lines(note)))
      while process.currentExitStatus == nil { usleep(2000) }
      let text = lines.withLock { $0.joined(separator: "\n") }
      return process.currentExitStatus?.isSuccess == true ? .success(text) : .failure(Failure(description: text))
    } catch { return .failure(Failure(description: "\(error)")) }
  }()

  /// The folder of the repository.
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The path of a file of the repository.
  package static func file(_ path: String) -> String { root.appending(path: path).path(percentEncoded: false) }

  /// The script that starts the servers.
  static let script = file("Scripts/kubernetes-apiserver")

  /// The path of a program.
  ///
  /// - Throws: ``Failure``, saying what is missing.
  package static func path(_ program: String) throws -> String { "\(try folder.get())/\(program)" }

  /// Runs a program to its end.
  ///
  /// - Parameters:
  ///   - program: its path, or a name in `PATH`.
  ///   - input: what it reads; nothing when it is `nil`.
  ///   - environment: added to this process's own.
  ///   - note: called with each line of its output and errors as they come.
  /// - Throws: ``SpawnError``, errors of the file system.
  package static func run(
    _ program: String, _ arguments: [String], input: String? = nil, environment: [String: String] = [:],
    note: (@Sendable (String) -> Void)? = nil
  ) async throws -> Output {
    var command = ChildProcess.Command(
      program, arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 })
    var inputFile: String?
    defer { if let inputFile { try? FileManager.default.removeItem(atPath: inputFile) } }
    if let input {
      let file = FileManager.default.temporaryDirectory.appending(path: "input-\(UUID().uuidString)")
        .path(percentEncoded: false)
      inputFile = file
      try Data(input.utf8).write(to: URL(filePath: file))
      command.input = .file(file)
    }
    let run = try await ProgramOutput.of(command, cancellation: .terminate, note: note)
    return Output(
      status: run.status.shellCode, output: run.output.joined(separator: "\n"),
      errors: run.errors.joined(separator: "\n"))
  }
}
