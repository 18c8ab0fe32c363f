/// The characters of tag names and values. Source: Kuma 2.7.
enum TagRules {
  /// Whether a character may stand in a tag's name, and in a value that a policy asks for.
  static func isNameCharacter(_ byte: UInt8) -> Bool { isValueCharacter(byte) || byte == UInt8(ascii: "/") }

  /// Whether a character may stand in a value that a proxy carries.
  static func isValueCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: ":"):
      true
    default: false
    }
  }

  static let nameMessage =
    "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores"
  static let emptyName = "tag name must be non-empty"
  static let emptyValue = "tag value must be non-empty"
  static let valueMessage = "tag value must consist of alphanumeric characters, dots, dashes and underscores"
  static let selectorValueMessage =
    "tag value must consist of alphanumeric characters, dots, dashes, slashes and underscores or be \"*\""

  /// The rules of a selector's tags, in sorted order of names.
  static func check(selector tags: [String: String], at path: FieldPath, into violations: inout [Violation]) {
    if tags.isEmpty { violations.add(path, "must have at least one tag") }
    for (name, value) in tags.sorted(by: { $0.key < $1.key }) {
      if name.isEmpty { violations.add(path, emptyName) }
      if !name.utf8.allSatisfy(isNameCharacter) { violations.add(path.key(name), nameMessage) }
      if value.isEmpty {
        violations.add(path.key(name), emptyValue)
      } else if value != TrafficTrace.wildcard, !value.utf8.allSatisfy(isNameCharacter) {
        violations.add(path.key(name), selectorValueMessage)
      }
    }
  }

  /// The rules of a proxy's tags, in sorted order of names.
  static func check(proxy tags: [String: String], at path: FieldPath, into violations: inout [Violation]) {
    for (name, value) in tags.sorted(by: { $0.key < $1.key }) {
      if name.isEmpty { violations.add(path, emptyName) }
      if !name.utf8.allSatisfy(isNameCharacter) { violations.add(path.key(name), nameMessage) }
      if value.isEmpty {
        violations.add(path.key(name), emptyValue)
      } else if !value.utf8.allSatisfy(isValueCharacter) {
        violations.add(path.key(name), valueMessage)
      }
    }
  }
}
