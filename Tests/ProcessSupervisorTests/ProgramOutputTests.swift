import Foundation
import ProcessSupervisor
import TestSupport
import Testing

@Suite("What a program has written", .timeLimit(.minutes(15)))
struct ProgramOutputTests {
  private static func shell(_ script: String) -> ChildProcess.Command {
    ChildProcess.Command("/bin/sh", ["-c", script])
  }

  @Test("Output and errors are kept apart, by lines, with the status")
  func lines() async throws {
    let run = try await ProgramOutput.of(Self.shell("echo one; echo bad >&2; echo two; exit 3"))
    #expect(run.output == ["one", "two"] && run.errors == ["bad"] && run.status == .exited(3))
  }

  @Test("Input comes from a file, and output goes to a file where the command says so")
  func files() async throws {
    let folder = try TemporaryFolder()
    var command = Self.shell("cat; echo bad >&2")
    command.input = .file(try folder.write("one\ntwo", to: "input"))
    command.output = .file(folder.file("output"))
    let run = try await ProgramOutput.of(command)
    #expect(try String(contentsOfFile: folder.file("output"), encoding: .utf8) == "one\ntwo")
    #expect(run.output.isEmpty && run.errors == ["bad"] && run.status.isSuccess)
    let missing = ChildProcess.Command("cat", input: .file(folder.file("missing")))
    let error = await #expect(throws: SpawnError.self) { try await ProgramOutput.of(missing) }
    #expect(error?.code == .noFile)
  }

  @Test("A program that goes on is killed at the limit, and when its task is cancelled")
  func ends() async throws {
    let late = try await ProgramOutput.of(Self.shell("echo here; exec sleep 1000"), limit: .zero)
    #expect(!late.status.isSuccess)
    let task = Task { try await ProgramOutput.of(Self.shell("exec sleep 1000"), cancellation: .kill) }
    task.cancel()
    #expect(try await !task.value.status.isSuccess)
  }

  @Test("A program that is not there is an error")
  func missing() async {
    await #expect(throws: SpawnError.self) { try await ProgramOutput.of(ChildProcess.Command("/nowhere/program")) }
  }
}
