import Foundation
import JSONText
import TraceModel

/// Attributes, with nested values.
extension OTLPJSONBuilder {
  /// Parses attributes. Those without a key, which the specification does not allow, are omitted.
  mutating func attributes(_ reader: inout JSONFieldReader) throws(JSONError) -> [Attribute] {
    var attributes: [Attribute] = []
    try reader.list("attributes") { (reader) throws(JSONError) in
      guard attributes.count < limits.tagsPerSpan else { return try skip(&reader, bounds.tooManyTags) }
      guard takeValue() else { return try reader.skip() }
      var attribute = Attribute(key: "", value: .null)
      try reader.object("an attribute") { (reader, key) throws(JSONError) in
        switch key {
        case "key": attribute.key = try text(&reader, "the key of an attribute")
        case "value": attribute.value = try value(&reader)
        default: try skipUnknown(&reader, key)
        }
      }
      if attribute.key.isEmpty { request.remarks.add(.attributeWithoutKey) } else { attributes.append(attribute) }
    }
    return attributes
  }

  private mutating func value(_ reader: inout JSONFieldReader) throws(JSONError) -> AttributeText {
    var value = AttributeText.null
    try reader.object("the value of an attribute") { (reader, key) throws(JSONError) in
      if key == "arrayValue" || key == "kvlistValue" {
        var json = JSONWriter()
        try writeValues(&reader, key, depth: 0, to: &json)
        value = .json(json)
      } else if let scalar = try scalar(&reader, key) {
        value = scalar
      }
    }
    return value
  }

  /// Parses a value that is not a list or a map; `nil` for an unknown key.
  private mutating func scalar(
    _ reader: inout JSONFieldReader, _ key: String
  ) throws(JSONError) -> AttributeText? {
    switch key {
    case "stringValue": return .text(try text(&reader, key))
    case "boolValue": return .bool(try reader.flag(key))
    case "intValue": return .integer(try reader.integer(key))
    case "doubleValue":
      guard let (text, _) = try reader.textOrNumber(key) else { return nil }
      switch text {
      case "NaN": return .double(.nan)
      case "Infinity": return .double(.infinity)
      case "-Infinity": return .double(-.infinity)
      default:
        if text.utf8.count <= 512, let number = Double(text) { return .double(number) }
        reader.reject("doubleValue must be a number")
        return nil
      }
    case "bytesValue":
      let text = try text(&reader, key)
      // Kept as written, but it must be valid.
      if Data(base64Encoded: text) == nil { reader.reject("bytesValue must be base64") }
      return .text(text)
    default:
      try skipUnknown(&reader, key)
      return nil
    }
  }

  /// Writes a value as JSON while parsing, so that nested values are not copied at each level.
  private mutating func writeValue(
    _ reader: inout JSONFieldReader, depth: Int, to json: inout JSONWriter
  ) throws(JSONError) {
    let mark = json.mark
    json.null()
    if try reader.scanner.null() { return }
    try reader.object("the value of an attribute") { (reader, key) throws(JSONError) in
      if key == "arrayValue" || key == "kvlistValue" {
        json.remove(after: mark)
        try writeValues(&reader, key, depth: depth, to: &json)
      } else if let scalar = try scalar(&reader, key) {
        json.remove(after: mark)
        json.attribute(scalar)
      }
    }
  }

  /// Writes a list or a map.
  private mutating func writeValues(
    _ reader: inout JSONFieldReader, _ field: String, depth: Int, to json: inout JSONWriter
  ) throws(JSONError) {
    // The parser recurses at each level. The limit bounds the stack.
    guard depth < limits.nesting else {
      throw reader.scanner.error("attributes are nested deeper than \(limits.nesting) levels")
    }
    let isMap = field == "kvlistValue"
    if isMap { json.beginObject() } else { json.beginArray() }
    try reader.object(field) { (reader, key) throws(JSONError) in
      guard key == "values" else { return try reader.skip() }
      try reader.list(key) { (reader) throws(JSONError) in
        guard json.bytes.count <= limits.textBytesPerSpan else { return try skip(&reader, bounds.textsTooLong) }
        guard takeValue() else { return try reader.skip() }
        if isMap {
          try writeMember(&reader, depth: depth + 1, to: &json)
        } else {
          try writeValue(&reader, depth: depth + 1, to: &json)
        }
      }
    }
    if isMap { json.endObject() } else { json.endArray() }
  }

  /// Writes a member of a map. A member without a key is omitted.
  private mutating func writeMember(
    _ reader: inout JSONFieldReader, depth: Int, to json: inout JSONWriter
  ) throws(JSONError) {
    let mark = json.mark
    var name: String?
    // A value before its key is buffered.
    var early: JSONWriter?
    try reader.object("an attribute") { (reader, key) throws(JSONError) in
      switch key {
      case "key":
        let text = try text(&reader, "the key of an attribute")
        guard name == nil, !text.isEmpty else { return }
        name = text
        json.key(text)
        if let early { json.raw(early.bytes) } else { json.null() }
      case "value":
        if let name {
          json.remove(after: mark)
          json.key(name)
          try writeValue(&reader, depth: depth, to: &json)
        } else {
          var value = JSONWriter()
          try writeValue(&reader, depth: depth, to: &value)
          early = value
        }
      default: try reader.skip()
      }
    }
  }
}
