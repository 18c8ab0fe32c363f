import Foundation
import ProcessSupervisor
import TestSupport
import Testing

/// Machines on which a test types what documents tell an operator to type: network namespaces with files of their own, where the
/// real programs run. Only apt-get, scp, systemctl, journalctl and make are played.
struct DocumentMachines: Encodable {
  /// What is typed on a machine after the documents.
  struct Step: Encodable {
    var machine: String
    /// What it is about, for the output.
    var line: String
    var script: String
  }

  /// Addresses by name.
  var machines: [String: String]
  /// Files by name.
  var programs: [String: String]
  /// Names of programs by their path on the machine `here`, from its home.
  var checkout: [String: String]
  /// The machine in one terminal of which each document is typed; nil where documents say on which machine.
  var terminal: String?
  var after: [Step] = []

  /// The programs of this build, and Envoy.
  static func released() throws -> [String: String] {
    let programs = try ["kuma-cp", "kuma-dp", "kumactl"].map { ($0, try Programs.path($0)) }
    return Dictionary(uniqueKeysWithValues: programs + [("envoy", try #require(TestPrograms.envoyProgram))])
  }

  /// Types documents, each a name such as `production.md`. It fails at the first command that does.
  ///
  /// - Returns: the lines that name what was typed.
  func follow(_ documents: String...) async throws -> [String] {
    let folder = try TemporaryFolder()
    let plan = try folder.write(String(decoding: try JSONEncoder().encode(self), as: UTF8.self), to: "plan.json")
    let stage = RepositoryFiles.folder("Tests/IntegrationTests/Machines/stage.py").path(percentEncoded: false)
    let files = documents.map { RepositoryFiles.folder("docs/\($0)").path(percentEncoded: false) }
    let typed = try await ProgramOutput.of(
      ChildProcess.Command(
        "unshare",
        ["--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "python3", stage, plan]
          + files),
      cancellation: .kill)
    #expect(typed.status.isSuccess, "\((typed.output + typed.errors).joined(separator: "\n"))")
    return typed.output.filter { $0.hasPrefix("== ") }
  }
}
