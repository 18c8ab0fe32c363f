import Foundation

/// A value of OpenTelemetry's as text: a text as it is, anything else as JSON has it.
struct AttributeText {
  var text: String
  /// Whether it stands in JSON as it is; a text gets quotes there.
  var isLiteral: Bool

  static func text(_ text: String) -> AttributeText { AttributeText(text: text, isLiteral: false) }

  static func literal(_ text: String) -> AttributeText { AttributeText(text: text, isLiteral: true) }

  static func bool(_ value: Bool) -> AttributeText { literal(value ? "true" : "false") }

  static func integer(_ value: Int64) -> AttributeText { literal(String(value)) }

  /// A whole number without a fraction, as JavaScript and Go write it.
  static func double(_ value: Double) -> AttributeText {
    guard value.isFinite else { return text(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity") }
    if value == value.rounded(), value.magnitude < 1e15 { return literal(String(Int64(value))) }
    return literal("\(value)")
  }

  static func bytes(_ bytes: some Collection<UInt8>) -> AttributeText { text(Data(bytes).base64EncodedString()) }

  static func list(_ values: [AttributeText]) -> AttributeText {
    var json = JSONWriter()
    json.beginArray()
    for value in values { json.attribute(value) }
    json.endArray()
    return literal(String(decoding: json.bytes, as: UTF8.self))
  }

  static func object(_ members: [Attribute]) -> AttributeText {
    var json = JSONWriter()
    json.beginObject()
    for member in members {
      json.key(member.key)
      json.attribute(member.value)
    }
    json.endObject()
    return literal(String(decoding: json.bytes, as: UTF8.self))
  }
}

/// A key with its value.
struct Attribute {
  var key: String
  var value: AttributeText
}

extension JSONWriter {
  fileprivate mutating func attribute(_ value: AttributeText) {
    if value.isLiteral { literal(value.text) } else { string(value.text) }
  }
}
