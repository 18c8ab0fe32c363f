/// The rules of a TrafficTrace.
package enum TrafficTraceRules {
  private static func selectors(_ selectors: String) -> String {
    "{type: TrafficTrace, mesh: default, name: t, selectors: [\(selectors)]}"
  }
  private static let name = "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores"
  private static let value =
    "tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores or be \"*\""
  private static let path = "selectors[0].match"

  /// Rows with and without violations.
  package static let rows = [
    ViolationRow("any value", selectors("{match: {kuma.io/service: '*'}}")),
    ViolationRow("no service tag", selectors("{match: {region: us}}")),
    ViolationRow("slash and colon", selectors("{match: {a/b: 'c/d:e_f.g-h'}}")),
    ViolationRow(
      "no selectors", "{type: TrafficTrace, mesh: default, name: t}", "selectors: must have at least one element"),
    ViolationRow("empty list", selectors(""), "selectors: must have at least one element"),
    ViolationRow("empty match", selectors("{match: {}}"), "\(path): must have at least one tag"),
    ViolationRow("missing match", selectors("{}"), "\(path): must have at least one tag"),
    ViolationRow("a selector that is null", selectors("~"), "\(path): must have at least one tag"),
    ViolationRow("empty name", selectors("{match: {'': a}}"), "\(path): tag name must be non-empty"),
    ViolationRow("name with a space", selectors("{match: {'a b': a}}"), "\(path)[\"a b\"]: \(name)"),
    ViolationRow("name with a star", selectors("{match: {'*': a}}"), "\(path)[\"*\"]: \(name)"),
    ViolationRow("name beyond ASCII", selectors("{match: {ä: a}}"), "\(path)[\"ä\"]: \(name)"),
    ViolationRow("empty value", selectors("{match: {a: ''}}"), "\(path)[\"a\"]: tag value must be non-empty"),
    ViolationRow("value null", selectors("{match: {a: ~}}"), "\(path)[\"a\"]: tag value must be non-empty"),
    ViolationRow("value that begins with a star", selectors("{match: {a: 'web*'}}"), "\(path)[\"a\"]: \(value)"),
    ViolationRow("two stars", selectors("{match: {a: '**'}}"), "\(path)[\"a\"]: \(value)"),
    ViolationRow("value with a space", selectors("{match: {a: 'b c'}}"), "\(path)[\"a\"]: \(value)"),
    ViolationRow("value beyond ASCII", selectors("{match: {a: é}}"), "\(path)[\"a\"]: \(value)"),
    ViolationRow(
      "several, in order of name", selectors("{match: {z: '', 'b b': 'c c', a: ok}}, {match: {}}"),
      "\(path)[\"b b\"]: \(name)", "\(path)[\"b b\"]: \(value)", "\(path)[\"z\"]: tag value must be non-empty",
      "selectors[1].match: must have at least one tag"),
    ViolationRow(
      "an unknown backend is no violation",
      "{type: TrafficTrace, name: t, selectors: [{match: {a: b}}], conf: {backend: nowhere}}"),
    ViolationRow("empty conf", "{type: TrafficTrace, name: t, selectors: [{match: {a: b}}], conf: {}}"),
  ]
}
