import Foundation
import OrderedCollections

extension DocumentValue {
  /// Reads one JSON document.
  ///
  /// - Throws: ``DocumentError`` with the parser's account of the place.
  public init(json bytes: some Sequence<UInt8>) throws(DocumentError) {
    let data = Data(bytes)
    // Checked before parsing, so that no parser's recursion meets an endless nest.
    var depth = 0
    var inString = false
    var escaped = false
    for byte in data {
      if inString {
        if escaped {
          escaped = false
        } else if byte == UInt8(ascii: "\\") {
          escaped = true
        } else if byte == UInt8(ascii: "\"") {
          inString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): inString = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        if depth > Self.depthLimit {
          throw DocumentError(
            code: .tooLarge, message: "the document is nested more than \(Self.depthLimit) levels deep")
        }
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: break
      }
    }
    do {
      self = try JSONDecoder().decode(DocumentValue.self, from: data)
    } catch let DecodingError.dataCorrupted(context) {
      let cause = (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
      throw DocumentError(code: .syntax, message: cause ?? context.debugDescription)
    } catch {
      throw DocumentError(code: .syntax, message: "not a JSON document")
    }
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

extension DocumentValue: Decodable {
  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Decodes any JSON value.
  public init(from decoder: any Decoder) throws {
    // Containers first: most values of a resource are objects and texts, and a failed attempt is costly.
    if let container = try? decoder.container(keyedBy: Key.self) {
      var object = Object(minimumCapacity: container.allKeys.count)
      for key in container.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
        object[key.stringValue] = try container.decode(DocumentValue.self, forKey: key)
      }
      self = .object(object)
      return
    }
    if var container = try? decoder.unkeyedContainer() {
      var items: [DocumentValue] = []
      while !container.isAtEnd { items.append(try container.decode(DocumentValue.self)) }
      self = .array(items)
      return
    }
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int64.self) {
      self = .integer(value)
    } else {
      self = .number(try container.decode(Double.self))
    }
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
