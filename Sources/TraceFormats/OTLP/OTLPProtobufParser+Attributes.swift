import JSONText
import TraceModel

/// Attributes, with nested values.
extension OTLPProtobufParser {
  /// Counts an attribute, event, link or list element.
  mutating func takeValue() throws(ProtobufError) {
    guard request.values.take(1, limits) else { throw .content(bounds.tooManyValues) }
  }

  /// Parses a text, within the limits.
  package mutating func text(_ reader: inout ProtobufReader) throws(ProtobufError) -> String {
    guard let text = try reader.text(atMost: limits.textBytesPerSpan - request.textBytes) else {
      throw .content(bounds.textsTooLong)
    }
    request.textBytes += text.utf8.count
    return text
  }

  /// Adds an attribute. One without a key, which the specification does not allow, is omitted.
  package mutating func append(_ message: ProtobufReader, to attributes: inout [Attribute]) throws(ProtobufError) {
    guard attributes.count < limits.tagsPerSpan else { throw .content(bounds.tooManyTags) }
    try takeValue()
    var reader = message
    var attribute = Attribute(key: "", value: .null)
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): attribute.key = try text(&reader)
      case (2, .bytes): attribute.value = try value(try reader.message())
      default: try reader.skip(field)
      }
    }
    if attribute.key.isEmpty { request.remarks.add(.attributeWithoutKey) } else { attributes.append(attribute) }
  }

  private mutating func value(_ message: ProtobufReader) throws(ProtobufError) -> AttributeText {
    guard case (let field, var reader)? = try choice(message) else { return .null }
    switch field {
    case (5, _), (6, _):
      var json = JSONWriter()
      try writeValue(message, depth: 0, to: &json)
      return .json(json)
    default: return try scalar(field, &reader)
    }
  }

  /// The set field of a oneof, and a reader at its content. The last field counts, as protobuf specifies.
  private func choice(
    _ message: ProtobufReader
  ) throws(ProtobufError) -> (field: ProtobufReader.Field, reader: ProtobufReader)? {
    var reader = message
    var found: (field: ProtobufReader.Field, reader: ProtobufReader)?
    while let field = try reader.next() {
      switch field {
      case (1, .bytes), (2, .varint), (3, .varint), (4, .fixed64), (5, .bytes), (6, .bytes), (7, .bytes):
        found = (field, reader)
      default: break
      }
      try reader.skip(field)
    }
    return found
  }

  private mutating func scalar(
    _ field: ProtobufReader.Field, _ reader: inout ProtobufReader
  ) throws(ProtobufError) -> AttributeText {
    switch field.number {
    case 1: return .text(try text(&reader))
    case 2: return .bool(try reader.varint() != 0)
    case 3: return .integer(Int64(bitPattern: try reader.varint()))
    case 4: return .double(Double(bitPattern: try reader.fixed64()))
    default:
      let bytes = try reader.data()
      request.textBytes += bytes.count
      guard request.textBytes <= limits.textBytesPerSpan else { throw .content(bounds.textsTooLong) }
      return .bytes(bytes)
    }
  }

  /// Writes a value as JSON while parsing, so that nested values are not copied at each level.
  private mutating func writeValue(
    _ message: ProtobufReader, depth: Int, to json: inout JSONWriter
  ) throws(ProtobufError) {
    // The parser recurses at each level. The limit bounds the stack.
    guard depth <= limits.nesting else { throw message.error("nested deeper than \(limits.nesting) levels") }
    guard json.bytes.count <= limits.textBytesPerSpan else { throw .content(bounds.textsTooLong) }
    guard case (let field, var reader)? = try choice(message) else { return json.null() }
    switch field.number {
    case 5:
      var list = try reader.message()
      json.beginArray()
      while let field = try list.next() {
        guard case (1, .bytes) = field else {
          try list.skip(field)
          continue
        }
        try takeValue()
        try writeValue(try list.message(), depth: depth + 1, to: &json)
      }
      json.endArray()
    case 6:
      var map = try reader.message()
      json.beginObject()
      while let field = try map.next() {
        guard case (1, .bytes) = field else {
          try map.skip(field)
          continue
        }
        try takeValue()
        try writeMember(try map.message(), depth: depth + 1, to: &json)
      }
      json.endObject()
    default: json.attribute(try scalar(field, &reader))
    }
  }

  /// Writes a member of a map. A member without a key is omitted.
  private mutating func writeMember(
    _ message: ProtobufReader, depth: Int, to json: inout JSONWriter
  ) throws(ProtobufError) {
    var reader = message
    var key = ""
    var value: ProtobufReader?
    while let field = try reader.next() {
      switch field {
      case (1, .bytes): key = try text(&reader)
      case (2, .bytes): value = try reader.message()
      default: try reader.skip(field)
      }
    }
    guard !key.isEmpty else { return }
    json.key(key)
    if let value { try writeValue(value, depth: depth, to: &json) } else { json.null() }
  }
}
