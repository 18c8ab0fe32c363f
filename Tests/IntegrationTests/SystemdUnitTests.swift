import Foundation
import MeshTestSupport
import ProcessSupervisor
import Testing

/// The units in deploy/systemd, as systemd itself reads and judges them.
@Suite(
  "Units of systemd", .timeLimit(.minutes(15)),
  .enabled(
    if: ChildProcess.find("systemd-analyze", path: "/usr/bin:/bin") != nil,
    "there is no program systemd-analyze; install Debian's package systemd"))
struct SystemdUnitTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "deploy/systemd")

  /// The units' names.
  private static func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))
      .filter { $0.hasSuffix(".service") || $0.hasSuffix(".socket") }.sorted()
  }

  private static func analyze(_ words: [String]) async throws -> ProgramOutput {
    try await ProgramOutput.of(
      ChildProcess.Command("systemd-analyze", words, environment: Programs.environment), cancellation: .kill)
  }

  @Test("are understood, word by word") func verify() async throws {
    let names = try Self.names()
    #expect(names.count >= 4)
    let copies = try TemporaryFolder()
    defer { withExtendedLifetime(copies) {} }
    // The programs are in the folder of the build.
    let programs = URL(filePath: try Programs.path("kuma-cp")).deletingLastPathComponent().path(percentEncoded: false)
    var paths: [String] = []
    for name in names {
      let unit = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
      let copy = copies.url.appending(path: name)
      try unit.replacing("/usr/local/bin/", with: programs.hasSuffix("/") ? programs : programs + "/")
        .write(to: copy, atomically: true, encoding: .utf8)
      paths.append(copy.path(percentEncoded: false))
    }
    let verified = try await Self.analyze(["verify", "--man=no"] + paths)
    #expect(verified.status.isSuccess && verified.errors == [] && verified.output == [])

    // A word that there is not would be found.
    let wrong = copies.url.appending(path: "wrong.service")
    try "[Service]\nExecStart=/bin/true\nWatchdogSeconds=1\n".write(to: wrong, atomically: true, encoding: .utf8)
    let found = try await Self.analyze(["verify", "--man=no", wrong.path(percentEncoded: false)])
    #expect(found.errors.contains { $0.contains("WatchdogSeconds") }, "\(found)")
  }

  @Test("expose less than 3.0 of 10") func security() async throws {
    for name in try Self.names() where name.hasSuffix(".service") {
      let judged = try await Self.analyze([
        "security", "--offline=true", "--no-pager", Self.folder.appending(path: name).path(percentEncoded: false),
      ])
      let last = try #require(judged.output.last { !$0.isEmpty }, "\(judged)")
      let level = try #require(
        last.firstMatch(of: /exposure level for [^:]+: ([0-9.]+)/).flatMap { Double($0.1) }, "\(last)")
      #expect(level < 3, "\(name)")
    }
  }
}
