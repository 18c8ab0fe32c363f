import TraceModel

/// Bytes that are not valid protobuf, or have content that is not valid.
struct ProtobufError: Error, Hashable {
  /// The offset of the error in the body.
  var offset: Int
  /// What is wrong.
  var reason: String
  /// Whether the error is in the content. It then has no offset, and the rest of the message can be parsed.
  var isContent = false

  /// An error in the content.
  static func content(_ reason: String) -> ProtobufError { ProtobufError(offset: 0, reason: reason, isContent: true) }

  /// The error with its position.
  var text: String { isContent ? reason : "byte \(offset): \(reason)" }
}

/// Decodes protobuf's wire format (https://protobuf.dev/programming-guides/encoding/) field by field and builds no messages: the
/// caller knows the expected ones.
///
/// Every length is checked against the end of the current message, and no input makes it trap. The caller has to ``skip(_:)``
/// unknown fields. A known field with another wire type counts as unknown, as in protobuf's own decoders. Groups, which proto3
/// does not have, are refused.
struct ProtobufReader {
  /// The encoding of a field's value.
  enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
  }

  /// The tag of a field.
  typealias Field = (number: UInt32, type: WireType)

  let bytes: UnsafeRawBufferPointer
  /// The offset in the body, also for a nested message.
  private(set) var position: Int
  private let end: Int

  /// A reader is only valid while the bytes are.
  private init(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) {
    self.bytes = bytes
    position = start
    self.end = end
  }

  /// Decodes a body.
  static func read<Value>(
    _ bytes: [UInt8], _ decode: (ProtobufReader) throws(ProtobufError) -> Value
  ) -> Result<Value, ProtobufError> {
    bytes.withUnsafeBytes { bytes in
      Result { () throws(ProtobufError) in try decode(ProtobufReader(bytes, from: 0, to: bytes.count)) }
    }
  }

  func error(_ reason: String, at offset: Int? = nil) -> ProtobufError {
    ProtobufError(offset: offset ?? position, reason: reason)
  }

  /// The tag of the next field; `nil` at the end of the message.
  @inline(__always) mutating func next() throws(ProtobufError) -> Field? {
    guard position < end else { return nil }
    let start = position
    // Fast path: a field with a small number, of a type other than that of groups.
    let byte = bytes[position]
    if byte >= 8, byte < 0x80, let type = WireType(rawValue: byte & 7) {
      position += 1
      return (UInt32(byte >> 3), type)
    }
    let key = try varint()
    guard let number = UInt32(exactly: key >> 3), number > 0, number < 1 << 29 else {
      throw error("a field has no valid number", at: start)
    }
    guard let type = WireType(rawValue: UInt8(key & 7)) else {
      throw error("a field has the wire type \(key & 7), which is not known", at: start)
    }
    return (number, type)
  }

  /// Skips a value.
  mutating func skip(_ field: Field) throws(ProtobufError) {
    switch field.type {
    case .varint: _ = try varint()
    case .fixed64: _ = try fixed64()
    case .fixed32: _ = try fixed32()
    case .bytes: position = try range().upperBound
    }
  }

  /// Decodes a number of variable length.
  @inline(__always) mutating func varint() throws(ProtobufError) -> UInt64 {
    // Fast path: one byte.
    if position < end, bytes[position] < 0x80 {
      position += 1
      return UInt64(bytes[position - 1])
    }
    return try longVarint()
  }

  private mutating func longVarint() throws(ProtobufError) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = bytes[position]
      position += 1
      // The tenth byte holds only the last of 64 bits.
      guard shift < 63 || byte <= 1 else { throw error("a number is longer than 64 bits", at: start) }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw error("a number is truncated", at: start)
  }

  mutating func fixed64() throws(ProtobufError) -> UInt64 { try fixed(8) }

  mutating func fixed32() throws(ProtobufError) -> UInt32 { UInt32(truncatingIfNeeded: try fixed(4)) }

  private mutating func fixed(_ count: Int) throws(ProtobufError) -> UInt64 {
    guard end - position >= count else { throw error("a number of \(count) bytes is truncated") }
    defer { position += count }
    return count == 8
      ? UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
      : UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
  }

  /// The range of a value's bytes. Does not advance the position.
  @inline(__always) private mutating func range() throws(ProtobufError) -> Range<Int> {
    let start = position
    let length = try varint()
    guard length <= UInt64(end - position) else {
      throw error("a value of \(length) bytes goes beyond the end of its message", at: start)
    }
    return position..<(position + Int(length))
  }

  /// Decodes bytes.
  mutating func data() throws(ProtobufError) -> UnsafeRawBufferPointer { try slice().of(bytes) }

  /// Where the bytes of the next value are.
  @inline(__always) mutating func slice() throws(ProtobufError) -> TextSlice {
    let range = try range()
    position = range.upperBound
    return TextSlice(start: range.lowerBound, count: range.count)
  }

  /// Where the next value is: a text, which must be UTF-8.
  @inline(__always) mutating func textSlice() throws(ProtobufError) -> TextSlice {
    let slice = try slice()
    let text = slice.of(bytes)
    guard text.isASCII || String(validating: text, as: UTF8.self) != nil else {
      throw error("a text is not UTF-8", at: slice.start)
    }
    return slice
  }

  /// Decodes a text, which must be UTF-8.
  mutating func text() throws(ProtobufError) -> String {
    let range = try range()
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw error("a text is not UTF-8", at: range.lowerBound)
    }
    position = range.upperBound
    return text
  }

  /// Like ``text()``; `nil` for a text that is longer than the limit, which is skipped.
  mutating func text(atMost limit: Int) throws(ProtobufError) -> String? {
    var other = self
    guard try other.data().count <= limit else { return nil }
    return try text()
  }

  /// A reader for a nested message at a place that ``slice()`` returned.
  func reader(of message: TextSlice) -> ProtobufReader {
    ProtobufReader(bytes, from: message.range.lowerBound, to: message.range.upperBound)
  }

  /// A reader for a nested message. An error in it does not affect this message.
  mutating func message() throws(ProtobufError) -> ProtobufReader { reader(of: try slice()) }
}
