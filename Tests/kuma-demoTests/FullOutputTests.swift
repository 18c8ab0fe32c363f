import MeshTestSupport
import ProcessSupervisor
import Testing

/// Programs whose output has nowhere to go.
@Suite("A full standard output") struct FullOutputTests {
  @Test(
    "is an error in every command of every program",
    arguments: [
      "kuma-cp version", "kuma-cp settings", "kuma-cp --help", "kuma-cp --version", "kuma-cp help run",
      "kuma-cp --generate-completion-script bash", "kuma-dp version", "kuma-dp version --detailed", "kuma-dp --help",
      "kuma-dp --generate-completion-script zsh", "kuma-demo --help", "kumactl --help", "kumactl get",
      "kumactl get --help",
      "kumactl version --no-config", "kumactl completion bash", "kumactl completion fish", "kumactl install tracing",
      "kumactl install observability", "kumactl generate traffic-trace --name all", "kumactl config view --no-config",
      "kumactl config control-planes list --no-config",
    ])
  func everyCommand(line: String) async throws {
    let words = line.split(separator: " ").map(String.init)
    let run = try await ProgramOutput.of(
      ChildProcess.Command(
        TestPrograms.path(words[0]), Array(words.dropFirst()),
        environment: ["HOME": "/nonexistent", "PATH": "/usr/bin:/bin"], output: .file("/dev/full")))
    let text = run.errors.joined(separator: "\n")
    #expect(run.status == .exited(1), "\(text)")
    #expect(text.lowercased().contains("cannot be written: no space left on device"), "\(text)")
  }
}
