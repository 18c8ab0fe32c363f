import ProcessSupervisor
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
