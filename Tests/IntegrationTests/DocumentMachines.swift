import Foundation
import ProcessSupervisor
import TestSupport
import Testing

/// Machines on which a test types what documents tell an operator to type: network namespaces with files of their own, where the
/// real programs run. Only apt-get, scp, systemctl, journalctl and make are played.
struct DocumentMachines: Encodable {
  /// What is typed on a machine, in a shell of its own.
  struct Step: Encodable {
    var machine: String
    /// Where it stands, or what it is about, for the output.
    var line: String
    var script: String
  }

  /// Addresses by name.
  var machines: [String: String]
  /// Files by name.
  var programs: [String: String]
  /// Names of programs by their path on the machine `here`, from its home.
  var checkout: [String: String]
  var steps: [Step]

  /// The programs of this build, and Envoy.
  static func released() throws -> [String: String] {
    let programs = try ["kuma-cp", "kuma-dp", "kumactl"].map { ($0, try Programs.path($0)) }
    return Dictionary(uniqueKeysWithValues: programs + [("envoy", try #require(TestPrograms.envoyProgram))])
  }

  /// Files of `deploy/systemd`.
  static func units(_ names: [String]) -> [String: String] {
    Dictionary(
      uniqueKeysWithValues: names.map {
        ($0, RepositoryFiles.folder("deploy/systemd/\($0)").path(percentEncoded: false))
      })
  }

  /// The places of programs that are installed on the machine `here`.
  static func installed(_ programs: [String]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: programs.map { ("/usr/local/bin/\($0)", $0) })
  }

  /// What a document says is typed: its blocks of the language `sh`, each on the machine that it names.
  ///
  /// - Parameters:
  ///   - document: a file in `docs`.
  ///   - terminal: a machine for the blocks that name none. They are typed in one terminal, so that later ones see the variables and the
  ///     programs in the background of earlier ones. Blocks for other machines follow.
  static func steps(of document: String, terminal: String? = nil) throws -> [Step] {
    var typed = ""
    var others: [Step] = []
    for block in try DocumentBlock.all(in: "docs/\(document)") where block.language == "sh" {
      let line = "line \(block.line) of \(document)"
      let machine = try #require(block.machine ?? terminal, "\(line) does not say on which machine")
      if machine == terminal {
        typed += "echo '== \(machine), \(line)'\n\(block.text)"
      } else {
        others.append(Step(machine: machine, line: line, script: block.text))
      }
    }
    guard let terminal, !typed.isEmpty else { return others }
    return [Step(machine: terminal, line: "line 1 of \(document)", script: typed)] + others
  }

  /// Types all steps. It fails at the first command that does.
  ///
  /// - Returns: the lines that name what was typed.
  func follow() async throws -> [String] {
    let folder = try TemporaryFolder()
    let plan = try folder.write(String(decoding: try JSONEncoder().encode(self), as: UTF8.self), to: "plan.json")
    let stage = RepositoryFiles.folder("Tests/IntegrationTests/Machines/stage.py").path(percentEncoded: false)
    let typed = try await ProgramOutput.of(
      ChildProcess.Command(
        "unshare",
        ["--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "python3", stage, plan]),
      cancellation: .kill)
    #expect(typed.status.isSuccess, "\((typed.output + typed.errors).joined(separator: "\n"))")
    return typed.output.filter { $0.hasPrefix("== ") }
  }
}
