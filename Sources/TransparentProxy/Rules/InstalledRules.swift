/// What a machine has of the rules of ``RedirectRules``, in one of its back ends.
package struct InstalledRules: Sendable, Hashable {
  /// The chains that are there.
  private var chains: [String] = []
  /// The rules in other chains, as `iptables-save` writes them behind `-A`.
  private var references: [String] = []
  /// The rules in the proxy's chains, as `iptables-save` writes them.
  private var content: [String] = []
  /// Whether the table `nat` holds nothing else.
  package private(set) var isAlone = true

  /// Nothing.
  package init() {}

  /// Finds the rules in the output of `iptables-save`.
  package init(saved text: String) {
    var isNAT = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: true) {
      if line.hasPrefix("*") { isNAT = line == "*nat" }
      guard isNAT else { continue }
      let words = line.split(separator: " ")
      if line.hasPrefix(":"), let name = words.first?.dropFirst() {
        if RedirectRules.Chain.all.contains(String(name)) {
          chains.append(String(name))
        } else if words.count < 2 || words[1] != "ACCEPT" {
          isAlone = false
        }
      } else if line.hasPrefix("-A "), words.count > 1 {
        let rule = String(line.dropFirst(3))
        if RedirectRules.Chain.all.contains(String(words[1])) {
          content.append(rule)
        } else if Self.isReference(words) {
          references.append(rule)
        } else {
          isAlone = false
        }
      }
    }
  }

  /// Whether there is nothing.
  package var isEmpty: Bool { chains.isEmpty && references.isEmpty }

  /// The lines for `iptables-restore` that remove them.
  package var removal: [String] {
    references.map { "-D \($0)" } + chains.map { "-F \($0)" } + chains.map { "-X \($0)" }
  }

  /// The lines for `iptables-restore` that bring them back.
  package var restoration: [String] {
    var positions: [Substring: Int] = [:]
    let referring = references.map { rule -> String in
      guard rule.contains(RedirectRules.comment) else { return "-A \(rule)" }
      // They were inserted in front of all others.
      let parts = rule.split(separator: " ", maxSplits: 1)
      positions[parts[0], default: 0] += 1
      return "-I \(parts[0]) \(positions[parts[0]] ?? 1) \(parts.count > 1 ? parts[1] : "")"
    }
    return chains.map { "-N \($0)" } + content.map { "-A \($0)" } + referring
  }

  private static func isReference(_ words: [Substring]) -> Bool {
    for (word, next) in zip(words, words.dropFirst()) {
      switch word {
      case "-j", "-g": if RedirectRules.Chain.all.contains(String(next)) { return true }
      case "--comment":
        if next == RedirectRules.comment || next == "\"\(RedirectRules.comment)\"" { return true }
      default: break
      }
    }
    return false
  }
}
