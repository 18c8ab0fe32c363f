import Foundation
import ProcessSupervisor
import TestSupport
import Testing

/// What documents tell people to type, and which test types it.
///
/// A block of the language `sh` is typed by a test; one of `bash` or `console` is not, and ``UntypedBlocks`` says why.
@Suite("Commands in documents") struct DocumentBlockTests {
  /// Documents whose blocks of `sh` are typed, each by the test that is named, beside those of ``DocumentSession``.
  private static let typed = [
    "README.md": "ReadmeTests", "docs/backup.md": "FirstStepsTests", "docs/first-steps.md": "FirstStepsTests",
    "docs/kubernetes.md": "InstructionTests", "docs/production.md": "ProductionTests",
  ]

  @Test(
    "are typed as they stand", .fewAtATime, .inNetworkNamespaces, .timeLimit(.minutes(10)),
    .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy; Scripts/setup installs one"),
    arguments: DocumentSession.all)
  func followed(session: DocumentSession) async throws {
    let steps = try session.parts.flatMap { part in
      switch part {
      case .document(let name): try DocumentMachines.steps(of: name, terminal: "here")
      case .script(let line, let machine, let script):
        [DocumentMachines.Step(machine: machine, line: line, script: script)]
      }
    }
    let machines = DocumentMachines(
      machines: session.others.merging(["here": "192.0.2.10"]) { $1 },
      programs: try DocumentMachines.released().merging(DocumentMachines.units(session.units)) { $1 },
      checkout: session.checkout.merging(DocumentMachines.installed(session.installed)) { $1 }, steps: steps)
    #expect(try await machines.follow().count > steps.count)
  }

  @Test("are all typed by a test, or it is said why not") func complete() throws {
    let typed = Set(Self.typed.keys).union(DocumentSession.all.flatMap(\.documents).map { "docs/\($0)" })
    var used: Set<[String]> = []
    for block in try DocumentBlock.documents().flatMap({ try DocumentBlock.all(in: $0) }) {
      let place = "\(block.document), line \(block.line)"
      switch block.language {
      case "sh": #expect(typed.contains(block.document), "\(place): no test types this; see DocumentSession")
      case "bash", "console":
        let beginnings = (UntypedBlocks.reasons[block.document] ?? [:]).keys.filter { block.text.hasPrefix($0) }
        #expect(beginnings.count == 1, "\(place): UntypedBlocks has to say why no test types this, once")
        used.formUnion(beginnings.map { [block.document, $0] })
      case "": Issue.record("\(place): say behind the backticks what this is, such as sh, bash, console or text")
      default: break
      }
    }
    // What is said is about a block that is there.
    for (document, reasons) in UntypedBlocks.reasons {
      for beginning in reasons.keys {
        #expect(used.contains([document, beginning]), "\(document) has no block that begins with \(beginning)")
      }
    }
  }

  @Test("are found in scripts") func commands() {
    let script = """
      # comment; kumactl not
      A=1 kumactl get -o "a b" 'c d' \\
        e 2>&1 >file.txt | less && kuma-cp run &
      x=$(kumactl version --detailed) "y $(kumactl get meshes)z"
      kumactl apply -f - <<END
      data: $(kumactl generate signing-key)
      END
      """
    #expect(
      ShellCommands.all(in: script) == [
        ["kumactl", "get", "-o", "a b", "c d", "e"], ["less"], ["kuma-cp", "run"],
        ["kumactl", "version", "--detailed"], ["kumactl", "get", "meshes"], ["y $z"],
        ["kumactl", "apply", "-f", "-"], ["kumactl", "generate", "signing-key"], ["data:", "$"], ["END"],
      ])
  }

  @Test("name targets of make that are there") func targets() throws {
    let makefile = try String(contentsOf: RepositoryFiles.folder("Makefile"), encoding: .utf8)
    let targets = Set(makefile.matches(of: /(?m)^([a-z-]+):/).map { String($0.1) })
    let commands = try DocumentCommand.all(of: "make")
    #expect(commands.count > 15)
    for command in commands {
      for word in command.arguments where !word.contains("=") { #expect(targets.contains(word), "\(command)") }
    }
  }
}
