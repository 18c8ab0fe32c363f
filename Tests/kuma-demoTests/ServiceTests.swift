import Foundation
import MeshTestSupport
import ProcessSupervisor
import TestSupport
import Testing

@testable import kuma_demo

/// The services of the demo as programs of their own, as containers run them.
@Suite("A service by itself")
struct ServiceTests {
  private static func run(_ arguments: [String]) async throws -> ProgramOutput {
    try await ProgramOutput.of(
      ChildProcess.Command(TestPrograms.path("kuma-demo"), arguments), limit: .seconds(120))
  }

  @Test("listens at an address, calls others by their URLs, and ends when it is told to")
  func callsByURL() async throws {
    var ports = FreePorts()
    let (front, back) = (try ports.take(), try ports.take())
    let program = try TestPrograms.path("kuma-demo")
    let services = [
      ["--name", "catalogue", "--port", "\(back)", "--fail-every", "3"],
      ["--name", "storefront", "--port", "\(front)", "--call", "catalogue=http://127.0.0.1:\(back)"],
    ]
    let processes = try services.map { arguments in
      try ChildProcess.start(
        ChildProcess.Command(program, ["service", "--address", "0.0.0.0", "--work", "0"] + arguments))
    }
    // The services may not listen yet: the command waits for them.
    let outcome = try await Self.run(["request", "http://127.0.0.1:\(front)", "--count", "3"])
    for process in processes { #expect(await process.terminate(grace: .seconds(60)).isSuccess) }
    #expect(outcome.status.isSuccess, "\(outcome)")
    #expect(
      outcome.output == [
        "200 without a trace storefront (catalogue)", "200 without a trace storefront (catalogue)",
        "503 without a trace storefront (catalogue)",
      ], "\(outcome)")
  }

  @Test(
    "refuses what it cannot call or ask",
    arguments: [
      ["service", "--name", "a", "--port", "1", "--call", "b"],
      ["service", "--name", "a", "--port", "1", "--call", "b=ftp://b"],
      ["service", "--name", "a", "--port", "1", "--call", "b=99999"],
      ["service", "--name", "a", "--port", "1", "--call", "=http://b"], ["request", "storefront"],
      ["request", "http://storefront", "--count", "0"],
    ])
  func refuse(arguments: [String]) async throws {
    let outcome = try await Self.run(arguments)
    #expect(!outcome.status.isSuccess && outcome.output.isEmpty)
    #expect(outcome.errors.contains { $0.hasPrefix("Error:") }, "\(outcome.errors)")
  }
}
