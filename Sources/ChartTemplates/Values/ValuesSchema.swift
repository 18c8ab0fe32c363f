import Documents
import OrderedCollections

/// Checks values by the chart's `values.schema.json`.
///
/// The chart uses a small part of JSON Schema: `type`, `properties`, `additionalProperties`, `items`, `enum`, `minimum`,
/// `maximum`, `minLength`, `maxLength`. A schema with another keyword is refused, because it would not be enforced.
struct ValuesSchema {
  private let root: DocumentValue.Object

  private static let keywords: Set<String> = [
    "$schema", "title", "type", "properties", "additionalProperties", "items", "enum", "minimum", "maximum",
    "minLength", "maxLength",
  ]

  init(_ document: DocumentValue) { root = document.object ?? [:] }

  /// Every violation, as `path: what is wrong`.
  func violations(of values: DocumentValue.Object) -> [String] {
    var violations: [String] = []
    Self.check(.object(values), root, "", &violations)
    return violations
  }

  private static func check(
    _ value: DocumentValue, _ schema: DocumentValue.Object, _ path: String, _ violations: inout [String]
  ) {
    let place = path.isEmpty ? "values" : path
    for keyword in schema.keys where !keywords.contains(keyword) {
      violations.append("\(place): the schema uses \(keyword.quoted), which is not supported")
    }
    let types = schema["type"].map { $0.array ?? [$0] }?.compactMap(\.string) ?? []
    guard types.isEmpty || types.contains(where: { matches(value, $0) }) else {
      violations.append("\(place): must be \(names(of: types)), and is \(value.article)")
      return
    }
    if let allowed = schema["enum"]?.array, !allowed.contains(value) {
      let list = allowed.compactMap(\.scalarText).joined(separator: ", ")
      violations.append("\(place): \((value.scalarText ?? "").quoted) is not one of \(list)")
    }
    checkBounds(of: value, schema, place, &violations)
    if let items = value.array, let schema = schema["items"]?.object {
      for (index, item) in items.enumerated() { check(item, schema, "\(path)[\(index)]", &violations) }
    }
    guard let object = value.object else { return }
    let properties = schema["properties"]?.object ?? [:]
    for (key, value) in object {
      let inner = path.isEmpty ? key : "\(path).\(key)"
      if let schema = properties[key]?.object {
        check(value, schema, inner, &violations)
      } else if let schema = schema["additionalProperties"]?.object {
        check(value, schema, inner, &violations)
      } else if schema["additionalProperties"] == false {
        let nearest = NearestName.find(key, among: properties.keys).map { "; did you mean \($0)?" } ?? ""
        violations.append("\(inner): there is no such setting\(nearest)")
      }
    }
  }

  private static func checkBounds(
    of value: DocumentValue, _ schema: DocumentValue.Object, _ place: String, _ violations: inout [String]
  ) {
    if let number = value.number {
      if let least = schema["minimum"]?.number, number < least {
        violations.append("\(place): must be at least \(DocumentValue(number: least).scalarText ?? "")")
      }
      if let most = schema["maximum"]?.number, number > most {
        violations.append("\(place): must be at most \(DocumentValue(number: most).scalarText ?? "")")
      }
    }
    if let text = value.string {
      let length = Double(text.unicodeScalars.count)
      if let least = schema["minLength"]?.number, length < least { violations.append("\(place): must not be empty") }
      if let most = schema["maxLength"]?.number, length > most {
        violations.append("\(place): must have at most \(DocumentValue(number: most).scalarText ?? "") characters")
      }
    }
  }

  private static func matches(_ value: DocumentValue, _ type: String) -> Bool {
    switch (type, value) {
    case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool), ("null", .null): true
    case ("number", .integer), ("number", .number), ("integer", .integer): true
    case ("integer", .number(let number)): number == number.rounded(.towardZero)
    default: false
    }
  }

  private static func names(of types: [String]) -> String {
    let names = types.map { type in
      switch type {
      case "object": "an object"
      case "array": "a list"
      case "string": "text"
      case "boolean": "true or false"
      case "integer": "a whole number"
      case "number": "a number"
      default: type
      }
    }
    return names.joined(separator: " or ")
  }
}
