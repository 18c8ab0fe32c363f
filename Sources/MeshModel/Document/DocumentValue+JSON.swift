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
    var writer = JSONWriter(layout: layout)
    writer.write(self, level: 0)
    return writer.text
  }
}

/// Writes JSON text.
private struct JSONWriter {
  let layout: DocumentValue.JSONLayout
  var text = ""

  mutating func write(_ value: DocumentValue, level: Int) {
    switch value {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .number(let value): text += DocumentValue.text(of: value)
    case .string(let value): write(value)
    case .array(let items):
      text += "["
      for (index, item) in items.enumerated() {
        if index > 0 { text += "," }
        newline(level + 1)
        write(item, level: level + 1)
      }
      if !items.isEmpty { newline(level) }
      text += "]"
    case .object(let object):
      text += "{"
      for (index, entry) in object.enumerated() {
        if index > 0 { text += "," }
        newline(level + 1)
        write(entry.key)
        if case .indented = layout { text += ": " } else { text += ":" }
        write(entry.value, level: level + 1)
      }
      if !object.isEmpty { newline(level) }
      text += "}"
    }
  }

  mutating func newline(_ level: Int) {
    guard case .indented(let width) = layout else { return }
    text += "\n"
    text += String(repeating: " ", count: width * level)
  }

  mutating func write(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{2028}", "\u{2029}": text += "\\u" + String(scalar.value, radix: 16)
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
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
