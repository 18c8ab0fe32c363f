package import Documents
import OrderedCollections

/// A text of `--set`: `image.tag=1.0,replicas=3`.
///
/// The rules are Helm's: commas separate assignments, `{a,b}` is a list, `list[0]` is an item of one, a backslash takes the
/// next character as it is. A value is a whole number, `true`, `false`, `null`, which removes the key, or else text.
package struct SetExpression {
  private var rest: Substring

  private init(_ text: String) { rest = text[...] }

  /// The largest index of a list.
  private static let indexLimit = 1_000
  /// How many keys a path may have.
  private static let depthLimit = 30

  /// A step from a value to one in it.
  private enum Step {
    case key(String)
    case index(Int)
  }

  /// Applies all assignments of a text to values.
  package static func apply(_ text: String, to values: inout DocumentValue.Object) throws(ValuesError) {
    var reader = SetExpression(text)
    while !reader.rest.isEmpty {
      let path = try reader.path()
      let value = reader.value()
      values = try assigned(.object(values), path[...], value, text).object ?? [:]
    }
  }

  private mutating func path() throws(ValuesError) -> [Step] {
    var steps: [Step] = []
    var needsKey = true
    while true {
      let key = take(until: "=.[,")
      guard !key.isEmpty || !needsKey else {
        throw ValuesError(message: "--set: a key is missing; write key=value")
      }
      if !key.isEmpty { steps.append(.key(key)) }
      guard steps.count <= Self.depthLimit else {
        throw ValuesError(message: "--set: a path has more than \(Self.depthLimit) keys")
      }
      switch rest.first {
      case ".":
        rest.removeFirst()
        needsKey = true
      case "[":
        rest.removeFirst()
        let digits = take(until: "]")
        guard rest.first == "]", let index = Int(digits), (0...Self.indexLimit).contains(index) else {
          throw ValuesError(
            message: "--set: [\(digits)] is not an index from 0 to \(Self.indexLimit) behind the name of a list")
        }
        rest.removeFirst()
        steps.append(.index(index))
        needsKey = false
      case "=":
        rest.removeFirst()
        return steps
      default:
        throw ValuesError(message: "--set: key \(key.quoted) has no value; write key=value")
      }
    }
  }

  /// Takes a value, and the comma behind it.
  private mutating func value() -> DocumentValue {
    if rest.first == "{" {
      rest.removeFirst()
      var items = [Self.typed(take(until: ",}"))]
      while rest.first == "," {
        rest.removeFirst()
        items.append(Self.typed(take(until: ",}")))
      }
      rest = rest.dropFirst()
      if rest.first == "," { rest.removeFirst() }
      return .array(items)
    }
    let value = Self.typed(take(until: ","))
    if rest.first == "," { rest.removeFirst() }
    return value
  }

  private mutating func take(until ends: String) -> String {
    var text = ""
    while let character = rest.first, !ends.contains(character) {
      rest.removeFirst()
      if character == "\\", let escaped = rest.popFirst() {
        text.append(escaped)
      } else {
        text.append(character)
      }
    }
    return text
  }

  /// The value that a text stands for. Numbers with leading zeros and fractions are text, as in Helm.
  private static func typed(_ text: String) -> DocumentValue {
    switch text {
    case "true": return true
    case "false": return false
    case "null": return .null
    case "0": return 0
    default:
      let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
      guard let first = digits.first, first != "0", digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int64(text)
      else { return .string(text) }
      return .integer(number)
    }
  }

  /// A value with another one put where the path leads.
  private static func assigned(
    _ base: DocumentValue, _ path: ArraySlice<Step>, _ value: DocumentValue, _ text: String
  ) throws(ValuesError) -> DocumentValue {
    guard let step = path.first else { return value }
    switch step {
    case .key(let key):
      var object = base.object ?? [:]
      let inner = try assigned(object[key] ?? .null, path.dropFirst(), value, text)
      object[key] = inner == .null ? nil : inner
      return .object(object)
    case .index(let index):
      var items = base.array ?? []
      while items.count <= index { items.append(.null) }
      items[index] = try assigned(items[index], path.dropFirst(), value, text)
      return .array(items)
    }
  }
}
