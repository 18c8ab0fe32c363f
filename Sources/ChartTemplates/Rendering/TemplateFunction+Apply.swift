import Documents
import OrderedCollections

/// Why a function cannot be applied to its arguments.
struct FunctionError: Error {
  var message: String
}

extension DocumentValue {
  /// Whether a condition holds for the value: it is neither null, false, zero nor empty. Source: Go's text/template.
  var isTrue: Bool {
    switch self {
    case .null: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let value): !value.isEmpty
    case .array(let items): !items.isEmpty
    case .object(let object): !object.isEmpty
    }
  }

  /// What kind of value this is, with its article.
  var article: String {
    switch self {
    case .null: "nothing"
    case .bool: "a truth value"
    case .integer, .number: "a number"
    case .string: "text"
    case .array: "a list"
    case .object: "an object"
    }
  }
}

extension TemplateFunction {
  /// The result of the function. The parser has checked how many arguments there are.
  func apply(_ values: [DocumentValue]) throws(FunctionError) -> DocumentValue {
    switch self {
    // These three need more than values; the renderer applies them.
    case .and, .or, .include: throw FunctionError(message: "\(rawValue) has no value here")
    case .not: return .bool(!values[0].isTrue)
    case .equal: return .bool(try order(values, equalityOnly: true) == 0)
    case .notEqual: return .bool(try order(values, equalityOnly: true) != 0)
    case .less: return .bool(try order(values) < 0)
    case .lessOrEqual: return .bool(try order(values) <= 0)
    case .greater: return .bool(try order(values) > 0)
    case .greaterOrEqual: return .bool(try order(values) >= 0)
    case .default: return values[1].isTrue ? values[1] : values[0]
    case .coalesce: return values.first { $0.isTrue } ?? .null
    case .quote: return values[0] == .null ? "" : .string(try text(values[0]).quoted)
    case .toYAML:
      var text = values[0].yaml()
      while text.hasSuffix("\n") { text.removeLast() }
      return .string(text)
    case .fromYAML: return try parsed(try text(values[0]))
    case .indent: return .string(try indented(values))
    case .nindent: return .string("\n" + (try indented(values)))
    case .trimSuffix:
      let (suffix, whole) = (try text(values[0]), try text(values[1]))
      return .string(!suffix.isEmpty && whole.hasSuffix(suffix) ? String(whole.dropLast(suffix.count)) : whole)
    case .dictionary: return try dictionary(values)
    case .merge:
      var result = try object(values[0])
      for value in values.dropFirst() { result = try object(value).merged(with: result) }
      return .object(result)
    case .integer: return .integer(integer(values[0]))
    case .required:
      guard values[1] != .null, values[1] != "" else { throw FunctionError(message: try text(values[0])) }
      return values[1]
    case .fail: throw FunctionError(message: try text(values[0]))
    case .compareVersions:
      return .bool(try VersionConstraint(try text(values[0])).allows(try Version(try text(values[1]))))
    }
  }

  /// How two values of one kind are ordered.
  private func order(_ values: [DocumentValue], equalityOnly: Bool = false) throws(FunctionError) -> Int {
    func compared<Value: Comparable>(_ a: Value, _ b: Value) -> Int { a < b ? -1 : a == b ? 0 : 1 }
    switch (values[0], values[1]) {
    case (.string(let a), .string(let b)): return compared(a, b)
    case (.integer(let a), .integer(let b)): return compared(a, b)
    case (.bool(let a), .bool(let b)) where equalityOnly: return a == b ? 0 : 1
    case (.null, .null) where equalityOnly: return 0
    case (.null, _) where equalityOnly, (_, .null) where equalityOnly: return 1
    default:
      throw FunctionError(
        message: "\(rawValue) compares two whole numbers or two texts, and not \(values[0].article) with "
          + "\(values[1].article)")
    }
  }

  private func text(_ value: DocumentValue) throws(FunctionError) -> String {
    guard let text = value.scalarText else { throw wrong(value, expected: "text") }
    return text
  }

  private func object(_ value: DocumentValue) throws(FunctionError) -> DocumentValue.Object {
    guard let object = value.object else { throw wrong(value, expected: "an object") }
    return object
  }

  private func wrong(_ value: DocumentValue, expected: String) -> FunctionError {
    FunctionError(message: "\(rawValue) takes \(expected), and not \(value.article)")
  }

  private func parsed(_ text: String) throws(FunctionError) -> DocumentValue {
    do throws(DocumentError) {
      return try DocumentValue.yamlDocuments(text).first ?? .null
    } catch {
      throw FunctionError(message: "the text of fromYaml is not valid YAML: \(error)")
    }
  }

  private func indented(_ values: [DocumentValue]) throws(FunctionError) -> String {
    guard case .integer(let width) = values[0], (0...200).contains(width) else {
      throw FunctionError(message: "\(rawValue) takes a width from 0 to 200")
    }
    let space = String(repeating: " ", count: Int(width))
    let lines = try text(values[1]).split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { space + $0 }.joined(separator: "\n")
  }

  private func dictionary(_ values: [DocumentValue]) throws(FunctionError) -> DocumentValue {
    guard values.count.isMultiple(of: 2) else { throw FunctionError(message: "dict takes keys and values in turn") }
    var object: DocumentValue.Object = [:]
    for index in stride(from: 0, to: values.count, by: 2) { object[try text(values[index])] = values[index + 1] }
    return .object(object)
  }

  /// The whole number that a value stands for; 0 if it stands for none, as in Helm.
  private func integer(_ value: DocumentValue) -> Int64 {
    switch value {
    case .integer(let value): value
    case .number(let value): Int64(exactly: value.rounded(.towardZero)) ?? 0
    case .string(let text): Int64(text) ?? 0
    case .bool(let value): value ? 1 : 0
    case .null, .array, .object: 0
    }
  }
}
