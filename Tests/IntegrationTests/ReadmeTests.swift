import Foundation
import MeshTestSupport
import ProcessSupervisor
import TestSupport
import Testing

/// What README tells a newcomer to type, typed.
@Suite("README", .fewAtATime, .timeLimit(.minutes(60)))
struct ReadmeTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// The shell commands of a section, in their order, without the build: the programs under test are built. No other section has any.
  private func commands(of section: String) throws -> [String] {
    let blocks = try DocumentBlock.all(in: "README.md").filter { $0.language == "sh" }
    #expect(blocks.allSatisfy { $0.section == section }, "only the commands of \(section) are typed")
    return blocks.flatMap { $0.text.split(separator: "\n").map(String.init) }.filter { $0 != "make build" }
  }

  /// Runs a script where the default ports are free for certain: in a network namespace with nothing but loopback.
  private func runAlone(
    _ script: String, in folder: URL, home: URL
  ) async throws -> (status: ProcessSupervisor.ExitStatus, output: Lines) {
    let output = Lines()
    var environment = Programs.environment
    environment["HOME"] = home.path(percentEncoded: false)
    environment["ENVOY"] = Programs.envoy
    let isRoot = getuid() == 0
    let loopback =
      "import fcntl, socket, struct\n"
      + "fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack('16sh14x', b'lo', 0x41))"
    let shell = try ChildProcess.start(
      ChildProcess.Command(
        "unshare",
        [
          isRoot ? "--net" : "--map-root-user", "--net", "bash", "-c", "python3 -c \"$0\" && eval \"$1\"", loopback,
          script,
        ],
        environment: environment, directory: folder.path(percentEncoded: false), output: .lines(output.append),
        errors: .lines(output.append)))
    return (await shell.exitStatus(), output)
  }

  @Test("the steps of \"Use it\" lead from nothing to a trace, typed as they stand") func useIt() async throws {
    try #require(Programs.envoy != nil, "there is no Envoy; Scripts/setup installs one")
    let folder = FileManager.default.temporaryDirectory.appending(path: "readme-\(UUID().uuidString)")
    let home = folder.appending(path: "home")
    let files = FileManager.default
    defer { try? files.removeItem(at: folder) }
    try files.createDirectory(at: home, withIntermediateDirectories: true)
    // The clone that README speaks of: its documents, and the programs that the build put beside these tests.
    let build = folder.appending(path: ".build")
    try files.createDirectory(at: build, withIntermediateDirectories: true)
    let programs = URL(filePath: try Programs.path("kuma-cp")).deletingLastPathComponent()
    try files.createSymbolicLink(at: build.appending(path: "debug"), withDestinationURL: programs)
    try files.copyItem(at: Self.root.appending(path: "Examples"), to: folder.appending(path: "Examples"))

    let steps = try commands(of: "Use it")
    #expect(steps.contains { $0.hasPrefix("kumactl apply") })
    #expect(steps.contains { $0.hasPrefix("kuma-dp run") })
    // What a person does next: look for the trace until it is there, and end what was started.
    let look = """
      for attempt in $(seq 1000); do
        curl --silent http://localhost:9411/api/v2/services | grep --silent web && break
        sleep 0.05
      done
      echo "services: $(curl --silent http://localhost:9411/api/v2/services)"
      kill %3 %2 %1
      wait
      """
    let script = (["set -e"] + steps + [look]).joined(separator: "\n")
    let (status, output) = try await runAlone(script, in: folder, home: home)
    let printed = output.all.joined(separator: "\n")
    #expect(status.isSuccess, "\(status): \(printed)")
    #expect(printed.contains(#"services: ["web"]"#), "\(printed)")
    #expect(printed.contains("web-1"), "\(printed)")
    #expect(!printed.contains("Warning:"), "\(printed)")
  }

  @Test("the documents that README shows are those of its examples") func documents() throws {
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    for name in ["mesh.yaml", "traffic-trace.yaml"] {
      let text = try String(
        contentsOf: Self.root.appending(path: "Examples/first-steps/\(name)"), encoding: .utf8)
      #expect(readme.contains(text), "README does not show \(name) as it is")
    }
  }
}
