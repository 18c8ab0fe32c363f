import ProcessSupervisor
import TestSupport
import Testing

/// What docs/first-steps.md tells a newcomer to type, typed in one terminal of one machine, where the programs are installed.
@Suite("docs/first-steps.md", .fewAtATime, .inNetworkNamespaces, .timeLimit(.minutes(10)))
struct FirstStepsTests {
  @Test(
    "leads from installed programs to a trace of two services, and leaves nothing",
    .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy; Scripts/setup installs one"))
  func followed() async throws {
    let programs = try DocumentMachines.released()
    let machines = DocumentMachines(
      machines: ["here": "192.0.2.10"], programs: programs,
      checkout: Dictionary(uniqueKeysWithValues: programs.keys.map { ("/usr/local/bin/\($0)", $0) }), terminal: "here",
      after: [
        DocumentMachines.Step(
          machine: "here", line: "nothing is left",
          script: """
            test ! -e ~/first-steps
            if curl --silent --max-time 2 http://localhost:5681/ || pgrep --exact 'kuma-cp|kuma-dp|envoy'; then exit 1; fi
            """)
      ])
    // Every block of the document, the document itself, and the check.
    #expect(try await machines.follow("first-steps.md").count >= 9)
  }
}
