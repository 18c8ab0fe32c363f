import Foundation
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

@testable import kuma_demo

/// The demo as a process, with real Envoys.
@Suite("The demo without a person", .heavy, .serialized)
struct HeadlessTests {
  private struct Summary: Decodable {
    var ok: Bool
    var failure: String?
    var services: [String]
    var envoys: [String: String]
    var spans: Int
    var clientSpans: Int
    var serverSpans: Int
    var requests: Int
    var errors: Int
    var warnings: [String]
    var formats: [String: String]
    var applyToLastAckMilliseconds: Int?
    var broken: String?
    var named: [String]
    var namedBecause: [String]
  }

  /// Runs the demo in a folder for temporary files of its own.
  ///
  /// - Parameter text: it is interrupted as soon as it says this.
  /// - Returns: how it ended, what it wrote, and what it left: files of the folder, and processes that name the folder.
  private static func run(
    _ arguments: [String], interruptAfter text: String? = nil
  ) async throws -> (status: ProcessSupervisor.ExitStatus, output: String, errors: String, left: [String]) {
    let manager = FileManager.default
    let folder = manager.temporaryDirectory.appending(path: "kuma-demo-tests-\(UUID().uuidString)").path()
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? manager.removeItem(atPath: folder) }
    var environment = ChildProcess.currentEnvironment
    environment["TMPDIR"] = folder
    let output = Mutex("")
    let errors = Mutex("")
    let process = try ChildProcess.start(
      ChildProcess.Command(
        TestPrograms.path("kuma-demo"), arguments, environment: environment,
        output: .lines { line in output.withLock { $0 += line + "\n" } },
        errors: .lines { line in errors.withLock { $0 += line + "\n" } }))
    if let text {
      try await eventually(text) { errors.withLock { $0.contains(text) } }
      #expect(try !processes(naming: folder).isEmpty)
      process.signal(.interrupt)
    }
    let status = await process.end(within: .seconds(600))
    let left = try manager.contentsOfDirectory(atPath: folder) + processes(naming: folder)
    return (status, output.withLock { $0 }, errors.withLock { $0 }, left)
  }

  /// The command lines that hold a text.
  private static func processes(naming text: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { entry in
      guard Int(entry) != nil, let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else {
        return nil
      }
      let line = String(decoding: data, as: UTF8.self)
      return line.contains(text) ? line : nil
    }
  }

  @Test("one tree holds both sides of every call, from four real Envoys", .timeLimit(.minutes(15)))
  func wholeTrace() async throws {
    let run = try await Self.run(["--headless", "--free-ports", "--requests", "7"])
    let summary = try JSONDecoder().decode(Summary.self, from: Data(run.output.utf8))
    #expect(run.status.isSuccess, "\(run.errors)")
    #expect(summary.ok, "\(summary.failure ?? "")")
    #expect(Set(summary.envoys.keys) == Set(summary.services))
    #expect(summary.services.count == 4)
    #expect(summary.spans == 7)
    #expect(summary.clientSpans == 3)
    #expect(summary.serverSpans == 4)
    #expect(summary.requests == 7)
    #expect((1...2).contains(summary.errors))
    #expect(summary.warnings.contains { $0.contains("jager-collector") && $0.contains("jaeger-collector") })
    #expect(summary.applyToLastAckMilliseconds != nil)
    #expect(summary.formats == Dictionary(uniqueKeysWithValues: summary.services.map { ($0, "protobuf") }))
    #expect(run.errors.contains("the proxies report as protobuf, 50 spans or 1000 ms a report"))
    #expect(run.errors.contains("→ payments client"))
    #expect(run.left.isEmpty)
  }

  @Test(
    "a service that stops forwarding the headers is named", .timeLimit(.minutes(15)),
    arguments: ["checkout", "storefront"])
  func broken(service: String) async throws {
    let run = try await Self.run(["--headless", "--free-ports", "--break", service])
    let summary = try JSONDecoder().decode(Summary.self, from: Data(run.output.utf8))
    #expect(run.status.isSuccess, "\(run.errors)")
    #expect(summary.broken == service)
    #expect(summary.named == [service])
    #expect(summary.namedBecause.first?.contains("\(service) forwards the trace headers to") == true)
    #expect(run.left.isEmpty)
  }

  @Test("with some hundred requests, eight at a time, nobody is named", .timeLimit(.minutes(15)))
  func nobodyNamed() async throws {
    let run = try await Self.run(["--headless", "--free-ports", "--requests", "400"])
    let summary = try JSONDecoder().decode(Summary.self, from: Data(run.output.utf8))
    #expect(run.status.isSuccess, "\(run.errors)")
    #expect(summary.requests == 400)
    #expect(summary.named.isEmpty)
    #expect(run.errors.contains("every service forwards the trace headers, says the collector"))
  }

  @Test("a signal ends it, and nothing is left", .timeLimit(.minutes(15)))
  func interrupted() async throws {
    let run = try await Self.run(["--headless", "--free-ports"], interruptAfter: "✓ four Envoys")
    let summary = try JSONDecoder().decode(Summary.self, from: Data(run.output.utf8))
    #expect(run.status.shellCode == 1)
    #expect(summary.failure == "interrupted")
    #expect(run.left.isEmpty)
  }

  @Test("an Envoy that is none is a failure with its name", .timeLimit(.minutes(15)))
  func noEnvoy() async throws {
    let run = try await Self.run(["--headless", "--free-ports", "--envoy", "/dev/null"])
    let summary = try JSONDecoder().decode(Summary.self, from: Data(run.output.utf8))
    #expect(run.status.shellCode == 1)
    #expect(!summary.ok)
    #expect(summary.failure?.contains("--envoy names /dev/null") == true)
    #expect(run.left.isEmpty)
  }
}
