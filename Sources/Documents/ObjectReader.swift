import OrderedCollections

/// Reads the fields of one object, collects the fields that were not asked for, and reports values of the wrong kind with their
/// path.
///
/// The rules of leniency are those of protobuf's JSON form, which Kuma's users know: `null` counts as absent, numbers
/// may be given as text, a field is found under its camelCase and its snake_case name, unknown fields are ignored.
/// Each unknown field becomes a ``FieldNotice``, so that a misspelt one does not go unseen.
package struct ObjectReader: ~Copyable {
  private let object: DocumentValue.Object
  private let path: String
  private var known: Set<String> = []

  /// Begins to read an object; `null`, as an item of a list may be, is one without fields.
  package init(_ value: DocumentValue, path: String) throws(DocumentError) {
    switch value {
    case .object(let object): self.init(object: object, path: path)
    case .null: self.init(object: [:], path: path)
    default: throw Self.wrongKind(value, path: path, expected: "an object")
    }
  }

  private init(object: DocumentValue.Object, path: String) {
    self.object = object
    self.path = path
  }

  /// The value of a field; `nil` when absent or `null`.
  package mutating func value(_ name: String) -> DocumentValue? {
    known.insert(name)
    var found = object[name]
    if found == nil {
      let snake = Self.snakeCase(name)
      if snake != name, let value = object[snake] {
        known.insert(snake)
        found = value
      }
    }
    if case .null? = found { return nil }
    return found
  }

  package mutating func string(_ name: String) throws(DocumentError) -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let text) = value else { throw wrongKind(value, name, expected: "text") }
    return text
  }

  package mutating func bool(_ name: String) throws(DocumentError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard case .bool(let truth) = value else { throw wrongKind(value, name, expected: "true or false") }
    return truth
  }

  /// A number, which is not finite if the text says so in protobuf's words; its range is the caller's to check.
  package mutating func number(_ name: String) throws(DocumentError) -> Double? {
    guard let value = value(name) else { return nil }
    if let number = value.number, number.isFinite { return number }
    switch value.string {
    case "Infinity": return .infinity
    case "-Infinity": return -.infinity
    case "NaN": return .nan
    case let text?: if let number = DocumentValue.number(inText: text)?.number { return number }
    case nil: break
    }
    throw wrongKind(value, name, expected: "a number")
  }

  /// An unsigned number of 32 bits, such as a port.
  package mutating func unsigned(_ name: String) throws(DocumentError) -> UInt32? {
    guard let value = value(name) else { return nil }
    if let number = value.number, let result = UInt32(exactly: number) { return result }
    if let text = value.string, let number = DocumentValue.number(inText: text)?.number,
      let result = UInt32(exactly: number)
    {
      return result
    }
    throw wrongKind(value, name, expected: "a whole number from 0 to 4294967295")
  }

  /// A field that holds text by name, such as tags; a value that is `null` is read as empty text.
  package mutating func stringMap(_ name: String) throws(DocumentError) -> [String: String]? {
    guard let value = value(name) else { return nil }
    guard case .object(let object) = value else { throw wrongKind(value, name, expected: "an object") }
    var map: [String: String] = [:]
    for (key, item) in object {
      switch item {
      case .string(let text): map[key] = text
      case .null: map[key] = ""
      default: throw Self.wrongKind(item, path: "\(join(name))[\(key.quoted)]", expected: "text in quotes")
      }
    }
    return map
  }

  /// The items of a list with their paths; empty when absent.
  package mutating func list(_ name: String) throws(DocumentError) -> [(value: DocumentValue, path: String)] {
    guard let value = value(name) else { return [] }
    guard case .array(let items) = value else { throw wrongKind(value, name, expected: "a list") }
    let base = join(name)
    return items.enumerated().map { ($0.element, "\(base)[\($0.offset)]") }
  }

  /// The path of a field of this object.
  package func join(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// A notice for every field that was not asked for.
  package consuming func notices() -> [FieldNotice] {
    let known = self.known
    let path = self.path
    return object.keys.filter { !known.contains($0) }.map { FieldNotice(name: $0, path: path, known: known) }
  }

  private func wrongKind(_ value: DocumentValue, _ name: String, expected: String) -> DocumentError {
    Self.wrongKind(value, path: join(name), expected: expected)
  }

  package static func wrongKind(_ value: DocumentValue, path: String, expected: String) -> DocumentError {
    let place = path.isEmpty ? "the document" : path
    // A number where one belongs is told itself: its kind is not what is wrong.
    let actual = value.number != nil && expected.contains("number") ? value.json() : value.kind
    return DocumentError(code: .wrongKind, message: "\(place) has to be \(expected), not \(actual)")
  }

  /// Names of fields are ASCII.
  private static func snakeCase(_ name: String) -> String {
    let isUpper: (UInt8) -> Bool = { (0x41...0x5A).contains($0) }
    guard name.utf8.contains(where: isUpper) else { return name }
    var result: [UInt8] = []
    for byte in name.utf8 {
      if isUpper(byte) { result += [0x5F, byte | 0x20] } else { result.append(byte) }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
