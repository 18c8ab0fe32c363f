import ProcessSupervisor
import TestSupport
import Testing

/// What docs/first-steps.md and docs/backup.md tell a newcomer to type, typed in one terminal of one machine, where the programs are
/// installed.
@Suite("docs/first-steps.md and docs/backup.md", .fewAtATime, .inNetworkNamespaces, .timeLimit(.minutes(10)))
struct FirstStepsTests {
  @Test(
    "lead from installed programs to a trace of two services and to a restored backup, and leave nothing",
    .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy; Scripts/setup installs one"))
  func followed() async throws {
    let programs = try DocumentMachines.released()
    let machines = DocumentMachines(
      machines: ["here": "192.0.2.10"], programs: programs,
      checkout: DocumentMachines.installed(Array(programs.keys)),
      steps: try ["first-steps.md", "backup.md"].flatMap { try DocumentMachines.steps(of: $0, terminal: "here") } + [
        DocumentMachines.Step(
          machine: "here", line: "nothing is left",
          script: """
            test ! -e ~/first-steps -a ! -e ~/backup
            if curl --silent --max-time 2 http://localhost:5681/ || pgrep --exact 'kuma-cp|kuma-dp|envoy'; then exit 1; fi
            """)
      ])
    // Every block of the documents, the documents themselves, and the check.
    #expect(try await machines.follow().count >= 16)
  }
}
