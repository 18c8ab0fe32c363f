/// The functions of templates, under the names that Helm gives them.
enum TemplateFunction: String, Sendable, CaseIterable {
  case and, or, not
  case equal = "eq"
  case notEqual = "ne"
  case less = "lt"
  case lessOrEqual = "le"
  case greater = "gt"
  case greaterOrEqual = "ge"
  case `default`, coalesce
  case quote
  case toYAML = "toYaml"
  case fromYAML = "fromYaml"
  case indent, nindent
  case trimSuffix
  case dictionary = "dict"
  case merge
  case integer = "int"
  case include
  case required, fail
  case compareVersions = "semverCompare"

  /// How many arguments it takes.
  var arguments: ClosedRange<Int> {
    switch self {
    case .and, .or, .coalesce: 1...20
    case .merge: 2...20
    case .not, .quote, .toYAML, .fromYAML, .integer, .fail: 1...1
    case .dictionary: 0...40
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .default, .indent, .nindent, .trimSuffix,
      .include, .required, .compareVersions:
      2...2
    }
  }
}
