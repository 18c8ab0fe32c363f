public import OrderedCollections

/// A value of a YAML or JSON document, with the order of an object's keys kept.
///
/// It is the one form between text and the typed resources: both syntaxes are read into it and written from it.
public enum DocumentValue: Sendable, Hashable {
  /// An object: keys in the order in which they were written.
  public typealias Object = OrderedDictionary<String, DocumentValue>

  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number without a fraction that fits 64 bits.
  case integer(Int64)
  /// Any other number.
  case number(Double)
  /// Text.
  case string(String)
  /// A list.
  case array([DocumentValue])
  /// An object.
  case object(Object)

  /// The largest depth of nesting accepted in a document.
  public static let depthLimit = 100

  /// The object, when this is one.
  public var object: Object? {
    if case .object(let value) = self { value } else { nil }
  }

  /// The list, when this is one.
  public var array: [DocumentValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  /// The text, when this is text.
  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// The number, when this is one.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The truth value, when this is one.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// A value that is no list and no object, as text; `nil` for `null` too.
  public var scalarText: String? {
    switch self {
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .number(let value): Self.text(of: value)
    case .string(let value): value
    case .null, .array, .object: nil
    }
  }

  /// The value under a key; `nil` when this is no object or has no such key.
  public subscript(key: String) -> DocumentValue? { object?[key] }

  /// What kind of value this is, as JSON names it; used in error messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .integer, .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  /// The same value with the keys of every object sorted.
  public func sortedByKey() -> DocumentValue {
    switch self {
    case .object(let object):
      var sorted = Object(minimumCapacity: object.count)
      for key in object.keys.sorted() { sorted[key] = object[key]?.sortedByKey() }
      return .object(sorted)
    case .array(let items): return .array(items.map { $0.sortedByKey() })
    default: return self
    }
  }
}

extension DocumentValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// Makes text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// Makes a number.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// Makes a truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Makes a list.
  public init(arrayLiteral elements: DocumentValue...) { self = .array(elements) }
  /// Makes an object; of a key that is given twice the last value stays.
  public init(dictionaryLiteral elements: (String, DocumentValue)...) {
    var object = Object(minimumCapacity: elements.count)
    for (key, value) in elements { object[key] = value }
    self = .object(object)
  }
}
