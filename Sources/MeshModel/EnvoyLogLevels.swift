/// The levels of Envoy's log, as its options `--log-level` and `--component-log-level` take them. Source: Envoy 1.40,
/// `envoy --help`.
package enum EnvoyLogLevels {
  private static let names = ["trace", "debug", "info", "warning", "warn", "error", "critical", "off"]

  /// Why a text is no level, to be put behind the text. `nil` for a level, and for an empty text, which stands for none.
  package static func fault(ofLevel text: String) -> String? {
    text.isEmpty || names.contains(text) ? nil : "is not known; choose one of \(names.joined(separator: ", "))"
  }

  /// Why a text is no list of components with their levels, to be put behind the text. `nil` for such a list, and for an
  /// empty text, which stands for none.
  package static func fault(ofComponentLevels text: String) -> String? {
    let isValid = text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
      let words = part.split(separator: ":", omittingEmptySubsequences: false)
      return words.count == 2 && !words[0].isEmpty && names.contains(String(words[1]))
    }
    return text.isEmpty || isValid
      ? nil : "is not in the form component:level, such as upstream:debug,connection:trace"
  }
}
