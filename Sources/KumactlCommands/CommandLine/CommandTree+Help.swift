extension CommandTree {
  /// The help of a command: description, usage, examples, commands, flags.
  func help(for path: [String]) -> String {
    let node = nodes(path).last ?? root
    let (introduction, examples) = Self.split(node.discussion)
    var text = introduction.isEmpty ? node.abstract + "\n" : introduction
    while text.hasSuffix("\n\n") { text.removeLast() }
    text += "\n" + usage(of: path)
    if !examples.isEmpty { text += "\nExamples:\n" + examples.split(separator: "\n").map { "  \($0)\n" }.joined() }
    if !node.isRunnable {
      let words = ["kumactl"] + path
      text += "\nUse \"\(words.joined(separator: " ")) [command] --help\" for more information about a command.\n"
    }
    return text
  }

  /// The usage of a command, with its commands and flags.
  func usage(of path: [String]) -> String {
    let node = nodes(path).last ?? root
    let words = (["kumactl"] + path).joined(separator: " ")
    let call = node.isRunnable ? node.positionals.map(\.valueName) + ["[flags]"] : ["[command]"]
    var text = "Usage:\n  \(words) \(call.joined(separator: " "))\n"
    if !node.isRunnable {
      let width = node.children.map(\.name.count).max() ?? 0
      text += "\nAvailable Commands:\n"
      for child in node.children {
        var abstract = child.abstract
        if abstract.hasSuffix(".") { abstract.removeLast() }
        text += "  \(Self.pad(child.name, width)) \(abstract)\n"
      }
    }
    var flags = node.flags.filter { !$0.isGlobal }
    flags.append(
      Argument(
        long: "help", short: "h", valueName: "", defaultValue: "", abstract: "help for \(node.name)", takesValue: false,
        isRequired: false, isRepeating: false, isGlobal: false))
    text += "\nFlags:\n" + Self.list(flags)
    let global = globalFlags(of: node)
    if !global.isEmpty { text += "\nGlobal Flags:\n" + Self.list(global) }
    return text
  }

  /// The flags that all subcommands have in common.
  private func globalFlags(of node: Node) -> [Argument] {
    if node.isRunnable { return node.flags.filter(\.isGlobal) }
    let lists = node.children.map { globalFlags(of: $0) }
    return (lists.first ?? []).filter { flag in lists.allSatisfy { $0.contains(flag) } }
  }

  private static func list(_ flags: [Argument]) -> String {
    let rows = flags.sorted { ($0.long ?? "") < ($1.long ?? "") }.map { flag -> (String, String) in
      var name = flag.short.map { "  -\($0), --\(flag.long ?? "")" } ?? "      --\(flag.long ?? "")"
      if flag.takesValue {
        // Other names, such as service:port, are of one value, or say themselves that there are several.
        let isPlural = flag.isRepeating && flag.valueName == "string"
        name += " \(flag.valueName)\(isPlural ? "s" : "")"
      }
      var text = flag.abstract
      if !flag.defaultValue.isEmpty, flag.needsValue {
        text += flag.valueName == "string" ? " (default \"\(flag.defaultValue)\")" : " (default \(flag.defaultValue))"
      }
      return (name, text)
    }
    let width = rows.map(\.0.count).max() ?? 0
    return rows.map { "\(pad($0.0, width))   \($0.1)\n" }.joined()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Splits a discussion into the text that replaces the abstract, and the examples.
  private static func split(_ discussion: String) -> (introduction: String, examples: String) {
    guard let range = discussion.firstRange(of: "Examples:\n") else {
      return (discussion.isEmpty ? "" : discussion + "\n", "")
    }
    return (String(discussion[..<range.lowerBound]), String(discussion[range.upperBound...]))
  }
}
