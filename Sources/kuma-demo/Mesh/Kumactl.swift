import ProcessSupervisor

/// Runs `kumactl` against the demo's control plane.
struct Kumactl: Sendable {
  private let program: String
  private let collector: String
  private let folder: DemoFolder
  private let fleet: Fleet

  /// Tells kumactl of the control plane, in a configuration file of the demo's own.
  ///
  /// - Throws: ``DemoFailure`` when kumactl refuses.
  ///
  /// - Parameters:
  ///   - apiURL: where the control plane answers.
  ///   - collector: host and port of its collector.
  init(programs: Programs, apiURL: String, collector: String, folder: DemoFolder, fleet: Fleet) async throws {
    program = programs.kumactl
    self.collector = collector
    self.folder = folder
    self.fleet = fleet
    _ = try await run(["config", "control-planes", "add", "--name", "demo", "--address", apiURL])
  }

  /// Applies a document of the demo.
  ///
  /// - Returns: what was said on standard error.
  func apply(_ document: String) async throws -> [String] { try await run(applyArguments(document)) }

  /// The command that lets a person use kumactl with the demo's control plane.
  var alias: String {
    "alias kumactl='\(Programs.typed(program)) --config-file \(folder.kumactlConfiguration)'"
  }

  /// The command with which a person applies a document again.
  func applyCommand(_ document: String) -> String {
    "kumactl \(applyArguments(document).joined(separator: " "))"
  }

  private func applyArguments(_ document: String) -> [String] {
    let variables = document == "mesh.yaml" ? ["--var", "collector=\(collector)"] : []
    return ["apply", "-f", folder.file(document)] + variables
  }

  private func run(_ arguments: [String]) async throws -> [String] {
    let outcome = try await fleet.run(program, arguments + ["--config-file", folder.kumactlConfiguration])
    guard outcome.status.isSuccess else {
      throw DemoFailure(
        "kumactl \(arguments.joined(separator: " ")) \(outcome.status): \(outcome.errors.joined(separator: " "))",
        program: "kuma-cp")
    }
    return outcome.errors
  }
}
