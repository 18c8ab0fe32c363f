import JSONText
import OrderedCollections

extension DocumentValue {
  /// Reads one JSON document.
  ///
  /// - Throws: ``DocumentError`` with line and column.
  public init(json bytes: some Sequence<UInt8>) throws(DocumentError) {
    var parser = JSONParser(Array(bytes))
    self = try parser.parse()
  }

  /// How JSON text is laid out.
  public enum JSONLayout: Sendable {
    /// On one line, without spaces.
    case compact
    /// Over several lines, indented by so many spaces a level.
    case indented(Int)
  }

  /// The value as JSON text, without a line feed at the end. `<`, `>` and `&` stay as they are, as in Kuma's answers.
  public func json(_ layout: JSONLayout = .compact) -> String {
    var writer =
      switch layout {
      case .compact: JSONWriter()
      case .indented(let width): JSONWriter(layout: .indented(width))
      }
    writer.document(self)
    return writer.text
  }
}

extension JSONWriter {
  fileprivate mutating func document(_ value: DocumentValue) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .integer(let value): number(value)
    case .number(let value): literal(DocumentValue.text(of: value))
    case .string(let value): string(value)
    case .array(let items):
      beginArray()
      for item in items { document(item) }
      endArray()
    case .object(let object):
      beginObject()
      for entry in object {
        key(entry.key)
        document(entry.value)
      }
      endObject()
    }
  }
}

extension DocumentValue {
  /// A number as JSON and YAML write it: no fraction where there is none.
  static func text(of value: Double) -> String {
    guard value.isFinite else { return "null" }
    if let integer = Int64(exactly: value), integer.magnitude < 1 << 53 { return String(integer) }
    return value.description
  }
}
