import MeshClient
import MeshModel

/// Explains a command line that the parser rejects.
///
/// The rules and messages are those of Kuma's command line: flags may stand anywhere, an unknown top-level command is an
/// error, an unknown subcommand shows help, and missing arguments are checked after wrong ones.
struct CommandLineReader {
  /// The result of reading a command line.
  enum Finding: Equatable {
    /// Show the help of the command with this path, with a warning if an unknown subcommand follows it.
    case help([String], warning: String? = nil)
    /// An error; the usage of a command is shown with it when there is a path.
    case failure(String, usage: [String]? = nil, hint: String? = nil)
    /// These rules find no error.
    case nothingWrong([String])
  }

  let tree = CommandTree.ofKumactl

  /// The arguments with all options moved behind the words of the command, because the parser requires the command first:
  /// `get -o yaml meshes` becomes `get meshes -o yaml`.
  func commandFirst(_ arguments: [String]) -> [String] {
    var words = arguments.prefix { !$0.hasPrefix("-") }
    var options: [String] = []
    var rest = arguments.dropFirst(words.count)
    while let next = rest.first, next.hasPrefix("-"), case .known(let option, let value) = flag(next, in: tree.root) {
      options.append(next)
      rest = rest.dropFirst()
      if value == nil, option.needsValue, let value = rest.popFirst() { options.append(value) }
    }
    words += rest.prefix { !$0.hasPrefix("-") }
    rest = rest.drop { !$0.hasPrefix("-") }
    return words + options + rest
  }

  /// Reads a command line.
  func read(_ arguments: [String]) -> Finding {
    var arguments = arguments
    if arguments.first == "help" { arguments = arguments.dropFirst() + ["--help"] }
    let (path, rest) = find(arguments)
    let node = tree.nodes(path).last ?? tree.root
    let word = Self.firstWord(rest, knowing: { flag($0, in: node) })
    if !node.isRunnable, let word, let message = ForeignCommand.message(for: path + [word]) {
      return .failure(message)
    }
    var positionals: [String] = []
    var given: Set<String> = []
    var wantsHelp = false
    var index = rest.startIndex
    while index < rest.endIndex {
      let argument = rest[index]
      index += 1
      if argument == "--" {
        positionals += rest[index...]
        break
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        positionals.append(argument)
        continue
      }
      if argument == "--help" || argument == "-h" {
        wantsHelp = true
        continue
      }
      switch flag(argument, in: node) {
      case .unknown(let message):
        let others = rest[index...].dropFirst(Self.mayHaveValue(argument) ? 1 : 0)
        return unknownCommand(path, positionals, others) ?? .failure(message, usage: path)
      case .known(let flag, let value):
        given.insert(flag.long ?? "")
        guard flag.needsValue else {
          if !flag.takesValue, let value {
            return .failure(
              "invalid argument \(value.quoted) for \("--\(flag.long ?? "")".quoted) flag: "
                + "strconv.ParseBool: parsing \(value.quoted): invalid syntax", usage: path)
          }
          continue
        }
        var value = value
        if value == nil, index < rest.endIndex {
          value = rest[index]
          index += 1
        }
        guard let value else {
          let name = argument.hasPrefix("--") ? argument : "'\(argument.dropFirst().prefix(1))' in \(argument)"
          return .failure("flag needs an argument: \(name)", usage: path)
        }
        if let message = Self.check(value, of: flag) { return .failure(message, usage: path) }
      }
    }
    if let finding = unknownCommand(path, positionals, []), !wantsHelp { return finding }
    if wantsHelp || !node.isRunnable {
      return .help(path, warning: word.flatMap { node.isRunnable ? nil : warning(of: $0, behind: path, node) })
    }
    return missing(path, node, positionals, given)
  }

  /// The remaining checks when every flag is known.
  private func missing(_ path: [String], _ node: CommandTree.Node, _ positionals: [String], _ given: Set<String>)
    -> Finding
  {
    let wanted = node.positionals.count
    if !node.ignoresWords, wanted == 0, let extra = positionals.first {
      return .failure(
        "unknown command \(extra.quoted) for \((["kumactl"] + path).joined(separator: " ").quoted)", usage: path)
    }
    if !node.ignoresWords, positionals.count != wanted {
      return .failure("accepts \(wanted) arg(s), received \(positionals.count)", usage: path)
    }
    let absent = node.flags.filter { $0.isRequired && $0.takesValue && !given.contains($0.long ?? "") }
    guard absent.isEmpty else {
      let names = absent.compactMap(\.long).sorted().map { "\"\($0)\"" }.joined(separator: ", ")
      return .failure("required flag(s) \(names) not set")
    }
    return .nothingWrong(path)
  }

  /// The warning about a word that is not a command.
  private func warning(of word: String, behind path: [String], _ node: CommandTree.Node) -> String {
    let name = (["kumactl"] + path).joined(separator: " ")
    let nearest = NearestName.find(word, among: node.children.map(\.name)).map { "; did you mean \($0.quoted)?" } ?? ""
    return "\(word.quoted) is not a command of \(name.quoted)\(nearest)"
  }

  /// The first word that is neither an option nor an option's value.
  private static func firstWord(_ arguments: [String], knowing flag: (String) -> Match) -> String? {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" { return rest.first }
      guard argument.hasPrefix("-"), argument != "-" else { return argument }
      if takesNext(argument, flag(argument)) { _ = rest.popFirst() }
    }
    return nil
  }

  /// The path of the named command, and the other words.
  private func find(_ arguments: [String]) -> (path: [String], rest: [String]) {
    var path: [String] = []
    var rest: [String] = []
    var node = tree.root
    var index = arguments.startIndex
    while index < arguments.endIndex {
      let argument = arguments[index]
      if argument == "--" { break }
      if argument.hasPrefix("-"), argument != "-" {
        rest.append(argument)
        index += 1
        if Self.takesNext(argument, flag(argument, in: node)), index < arguments.endIndex {
          rest.append(arguments[index])
          index += 1
        }
        continue
      }
      guard let child = node.child(argument) else { break }
      path.append(argument)
      node = child
      index += 1
    }
    return (path, rest + arguments[index...])
  }

  private func unknownCommand(_ path: [String], _ positionals: [String], _ rest: ArraySlice<String>) -> Finding? {
    guard path.isEmpty, let word = (positionals + rest.filter { !$0.hasPrefix("-") }).first else { return nil }
    var message = "unknown command \(word.quoted) for \"kumactl\""
    if let name = NearestName.find(word, among: tree.root.children.map(\.name)) {
      message += "\n\nDid you mean this?\n\t\(name)\n"
    }
    return .failure(message, hint: "Run 'kumactl --help' for usage.")
  }

  /// Whether the word after an option is its value. After an unknown option it is, as in Kuma.
  private static func takesNext(_ argument: String, _ match: Match) -> Bool {
    switch match {
    case .known(let flag, let value): value == nil && flag.needsValue
    case .unknown: mayHaveValue(argument)
    }
  }

  /// Whether the form of an unknown option means that its value follows. Source: `stripFlags` of Kuma's command line.
  private static func mayHaveValue(_ argument: String) -> Bool {
    !argument.contains("=") && (argument.hasPrefix("--") || argument.count == 2)
  }

  private enum Match {
    case known(CommandTree.Argument, value: String?)
    case unknown(String)
  }

  private func flag(_ argument: String, in node: CommandTree.Node) -> Match {
    let flags = node.reachableFlags
    if argument.hasPrefix("--") {
      let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = parts.first.map(String.init) ?? ""
      guard !name.isEmpty, !name.hasPrefix("-"), !name.hasPrefix("=") else {
        return .unknown("bad flag syntax: \(argument)")
      }
      guard let flag = flags.first(where: { $0.long == name }) else { return .unknown("unknown flag: --\(name)") }
      return .known(flag, value: parts.count > 1 ? String(parts[1]) : nil)
    }
    let letters = argument.dropFirst()
    guard let letter = letters.first, let flag = flags.first(where: { $0.short == letter }) else {
      return .unknown("unknown shorthand flag: '\(letters.prefix(1))' in \(argument)")
    }
    var value = letters.dropFirst()
    if value.hasPrefix("=") { value = value.dropFirst() }
    return .known(flag, value: letters.count == 1 ? nil : String(value))
  }

  /// Why a value is invalid for an option, in the words of Kuma's command line: those of Go's `strconv` and `time`.
  private static func check(_ value: String, of flag: CommandTree.Argument) -> String? {
    let name = flag.short.map { "-\($0), --\(flag.long ?? "")" } ?? "--\(flag.long ?? "")"
    func failure(_ reason: String) -> String { "invalid argument \(value.quoted) for \(name.quoted) flag: \(reason)" }
    switch flag.valueName {
    case "int" where Int(value) == nil:
      let digits = value.hasPrefix("-") || value.hasPrefix("+") ? value.dropFirst() : value[...]
      let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
      return failure(
        "strconv.ParseInt: parsing \(value.quoted): \(isNumber ? "value out of range" : "invalid syntax")")
    case "duration" where DurationArgument(argument: value) == nil:
      return failure(Duration.goFault(ofText: value))
    case PairsArgument.valueName:
      do {
        _ = try VariableTemplate.pairs(value)
      } catch {
        return failure("\(error)")
      }
      return nil
    default: return nil
    }
  }

  /// The arguments with Boolean values in the parser's form: the flag alone, or nothing.
  static func withoutTruthValues(_ arguments: [String]) -> [String] {
    guard arguments.contains(where: { $0.hasPrefix("--") && $0.contains("=") }) else { return arguments }
    // An option of one command may be a flag of another.
    let command = arguments.reduce(CommandTree.ofKumactl.root) { $0.child($1) ?? $0 }
    return arguments.flatMap { argument -> [String] in
      guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "="),
        let truth = Bool(goText: argument[argument.index(after: equals)...]),
        command.isFlag(argument[..<equals].dropFirst(2))
      else { return [argument] }
      return truth ? [String(argument[..<equals])] : []
    }
  }
}
