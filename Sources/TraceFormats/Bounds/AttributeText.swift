import Foundation
import JSONText
import TraceModel

/// A value of OpenTelemetry's as text: a text as it is, anything else as JSON has it, as the specification's
/// "AnyValue representation for non-OTLP protocols" says.
enum AttributeText: Equatable {
  /// A text; it gets quotes in JSON.
  case text(String)
  /// What stands in JSON as it is.
  case literal(String)
  /// No value.
  case null

  /// What stands in a tag.
  var text: String {
    switch self {
    case .text(let text), .literal(let text): text
    case .null: ""
    }
  }

  static func bool(_ value: Bool) -> AttributeText { literal(value ? "true" : "false") }

  static func integer(_ value: Int64) -> AttributeText { literal(String(value)) }

  /// A whole number without a fraction, as JavaScript and Go write it.
  static func double(_ value: Double) -> AttributeText {
    guard value.isFinite else { return text(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity") }
    if value == value.rounded(), value.magnitude < 1e15 { return literal(String(Int64(value))) }
    return literal("\(value)")
  }

  static func bytes(_ bytes: some Collection<UInt8>) -> AttributeText { text(Data(bytes).base64EncodedString()) }

  /// What a writer wrote.
  static func json(_ json: JSONWriter) -> AttributeText { literal(String(decoding: json.bytes, as: UTF8.self)) }

  /// An event: its name, and its attributes as JSON behind it.
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
