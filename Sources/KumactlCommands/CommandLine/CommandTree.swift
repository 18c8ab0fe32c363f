import ArgumentParser
import MeshModel

/// The commands with their arguments, as swift-argument-parser describes them.
struct CommandTree {
  /// A command and the commands below it.
  struct Node {
    var name: String
    var abstract: String
    var discussion: String
    var children: [Node]
    var positionals: [Argument]
    var flags: [Argument]
    /// Whether extra words are ignored.
    var ignoresWords: Bool

    /// The command below with a name.
    func child(_ name: String) -> Node? { children.first { $0.name == name } }

    /// Whether the command does something itself.
    var isRunnable: Bool { children.isEmpty }

    /// Whether a long name is that of an option without a value.
    func isFlag(_ name: some StringProtocol) -> Bool {
      name == "help" || reachableFlags.contains { $0.long == String(name) && !$0.takesValue }
    }

    /// The options of this command, or of all commands below it.
    var reachableFlags: [Argument] { flags + children.flatMap(\.reachableFlags) }
  }

  /// A positional argument, an option or a flag.
  struct Argument: Equatable {
    var long: String?
    var short: Character?
    var valueName: String
    var defaultValue: String
    var abstract: String
    var takesValue: Bool
    var isRequired: Bool
    var isRepeating: Bool
    /// Whether help lists it apart from the command's own.
    var isGlobal: Bool

    /// Whether a value must follow. It is optional if the value's name contains a default, as help shows it:
    /// `string[="client"]`.
    var needsValue: Bool { takesValue && !valueName.contains("[=") }
  }

  let root: Node

  /// The commands of this program. Building the tree takes time, so this happens only for help, for an error, or for an
  /// option in an unusual place.
  static let ofKumactl = CommandTree()

  private init() {
    let text = Kumactl._dumpHelp()
    let document = (try? DocumentValue(json: text.utf8)) ?? .null
    root = Self.node(document["command"] ?? .null)
  }

  /// The commands from the root down to the last of the names.
  func nodes(_ path: [String]) -> [Node] {
    var nodes = [root]
    for name in path {
      guard let child = nodes.last?.child(name) else { break }
      nodes.append(child)
    }
    return nodes
  }

  private static func node(_ value: DocumentValue) -> Node {
    let all = value["arguments"]?.array ?? []
    let arguments = all.filter { $0["shouldDisplay"] != false }
    func isPositional(_ value: DocumentValue) -> Bool { value["kind"]?.string == "positional" }
    return Node(
      name: value["commandName"]?.string ?? "", abstract: value["abstract"]?.string ?? "",
      discussion: value["discussion"]?.string ?? "",
      children: (value["subcommands"]?.array ?? [])
        .filter { $0["shouldDisplay"] != false && $0["commandName"]?.string != "help" }.map(node)
        .sorted { $0.name < $1.name },
      positionals: arguments.filter(isPositional).map(argument),
      flags: arguments.filter { !isPositional($0) }.map(argument).filter { $0.long != "help" },
      ignoresWords: all.contains { isPositional($0) && $0["shouldDisplay"] == false })
  }

  private static func argument(_ value: DocumentValue) -> Argument {
    func name(_ kind: String) -> String? {
      (value["names"]?.array ?? []).first { $0["kind"]?.string == kind }?["name"]?.string
    }
    return Argument(
      long: name("long"), short: name("short")?.first, valueName: value["valueName"]?.string ?? "",
      defaultValue: value["defaultValue"]?.string ?? "", abstract: value["abstract"]?.string ?? "",
      takesValue: value["kind"]?.string != "flag", isRequired: value["isOptional"]?.bool == false,
      isRepeating: value["isRepeating"]?.bool ?? false,
      isGlobal: value["sectionTitle"]?.string == GlobalOptions.section)
  }
}
