import Foundation
import JSONText
import TraceModel

/// The text of an OpenTelemetry value: a text as it is, any other value as JSON, by the specification's "AnyValue representation
/// for non-OTLP protocols".
enum AttributeText: Equatable {
  /// A text, quoted in JSON.
  case text(String)
  /// Literal JSON.
  case literal(String)
  /// No value.
  case null

  /// The text for a tag.
  var text: String {
    switch self {
    case .text(let text), .literal(let text): text
    case .null: ""
    }
  }

  static func bool(_ value: Bool) -> AttributeText { literal(value ? "true" : "false") }

  static func integer(_ value: Int64) -> AttributeText { literal(String(value)) }

  /// Formats a number as JavaScript and Go do, whole numbers without a fraction.
  static func double(_ value: Double) -> AttributeText {
    guard value.isFinite else { return text(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity") }
    if value == value.rounded(), value.magnitude < 1e15 { return literal(String(Int64(value))) }
    return literal("\(value)")
  }

  static func bytes(_ bytes: some Collection<UInt8>) -> AttributeText { text(Data(bytes).base64EncodedString()) }

  /// The output of a writer.
  static func json(_ json: JSONWriter) -> AttributeText { literal(String(decoding: json.bytes, as: UTF8.self)) }

  /// Formats an event: its name, followed by its attributes as JSON.
  static func event(_ name: String, _ attributes: [Attribute]) -> String {
    guard !attributes.isEmpty else { return name }
    var json = JSONWriter()
    json.string(name)
    return String(decoding: json.bytes, as: UTF8.self) + ": " + object(attributes).text
  }

  static func object(_ members: [Attribute]) -> AttributeText {
    var json = JSONWriter()
    json.beginObject()
    for member in members {
      json.key(member.key)
      json.attribute(member.value)
    }
    json.endObject()
    return .json(json)
  }
}

/// A key with its value.
struct Attribute {
  var key: String
  var value: AttributeText
}

extension JSONWriter {
  mutating func attribute(_ value: AttributeText) {
    switch value {
    case .text(let text): string(text)
    case .literal(let json): literal(json)
    case .null: null()
    }
  }
}
