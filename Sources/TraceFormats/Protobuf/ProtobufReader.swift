/// Bytes that are not what the protobuf wire format allows.
struct ProtobufError: Error, Hashable {
  /// Where it goes wrong, in bytes from the start of the body.
  var offset: Int
  /// What is wrong there.
  var reason: String
  /// Whether it is the content that is wrong, which has no place in the bytes, and the message can be read further.
  var isContent = false

  /// A fault of the content.
  static func content(_ reason: String) -> ProtobufError { ProtobufError(offset: 0, reason: reason, isContent: true) }

  /// What is wrong, with the place.
  var text: String { isContent ? reason : "byte \(offset): \(reason)" }
}

/// Reads protobuf's wire format (https://protobuf.dev/programming-guides/encoding/) field by field, and builds nothing: its
/// caller knows the messages it wants.
///
/// Everything is held against the end of the message that is being read, and nothing in the bytes can make it trap. Fields
/// of unknown numbers are the caller's to ``skip(_:)``; a known number with another wire type counts as unknown, as in
/// protobuf's own readers. Groups, which proto3 does not have, are refused.
struct ProtobufReader {
  /// How a field's value is written.
  enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
  }

  /// What stands before a value.
  typealias Field = (number: UInt32, type: WireType)

  private let bytes: [UInt8]
  /// In bytes from the start of the body, also within a message inside it.
  private(set) var position: Int
  private let end: Int

  init(_ bytes: [UInt8]) { self.init(bytes, from: 0, to: bytes.count) }

  private init(_ bytes: [UInt8], from start: Int, to end: Int) {
    self.bytes = bytes
    position = start
    self.end = end
  }

  func error(_ reason: String, at offset: Int? = nil) -> ProtobufError {
    ProtobufError(offset: offset ?? position, reason: reason)
  }

  /// The next field; nil at the end of the message.
  mutating func next() throws(ProtobufError) -> Field? {
    guard position < end else { return nil }
    let start = position
    let key = try varint()
    guard let number = UInt32(exactly: key >> 3), number > 0, number < 1 << 29 else {
      throw error("a field has no valid number", at: start)
    }
    guard let type = WireType(rawValue: UInt8(key & 7)) else {
      throw error("a field has the wire type \(key & 7), which is not known", at: start)
    }
    return (number, type)
  }

  /// Goes past a value.
  mutating func skip(_ field: Field) throws(ProtobufError) {
    switch field.type {
    case .varint: _ = try varint()
    case .fixed64: _ = try fixed64()
    case .fixed32: _ = try fixed32()
    case .bytes: position = try range().upperBound
    }
  }

  /// A number of variable length.
  mutating func varint() throws(ProtobufError) -> UInt64 {
    let start = position
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = bytes[position]
      position += 1
      // The tenth byte holds the last of 64 bits.
      guard shift < 63 || byte <= 1 else { throw error("a number is longer than 64 bits", at: start) }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw error("a number ends too early", at: start)
  }

  mutating func fixed64() throws(ProtobufError) -> UInt64 { try fixed(8) }

  mutating func fixed32() throws(ProtobufError) -> UInt32 { UInt32(truncatingIfNeeded: try fixed(4)) }

  private mutating func fixed(_ count: Int) throws(ProtobufError) -> UInt64 {
    guard end - position >= count else { throw error("a number of \(count) bytes ends too early") }
    var value: UInt64 = 0
    for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[position + index]) }
    position += count
    return value
  }

  /// Where the bytes of a value stand. The position stays before them.
  private mutating func range() throws(ProtobufError) -> Range<Int> {
    let start = position
    let length = try varint()
    guard length <= UInt64(end - position) else {
      throw error("a value of \(length) bytes goes beyond the end of its message", at: start)
    }
    return position..<(position + Int(length))
  }

  /// The bytes of a value.
  mutating func data() throws(ProtobufError) -> ArraySlice<UInt8> {
    let range = try range()
    position = range.upperBound
    return bytes[range]
  }

  /// A text, which must be UTF-8.
  mutating func text() throws(ProtobufError) -> String {
    let range = try range()
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw error("a text is not UTF-8", at: range.lowerBound)
    }
    position = range.upperBound
    return text
  }

  /// As ``text()``; nil if it is longer than some bytes, then nothing is made of it.
  mutating func text(atMost limit: Int) throws(ProtobufError) -> String? {
    var other = self
    guard try other.data().count <= limit else { return nil }
    return try text()
  }

  /// A message inside this one, to be read by itself. What is wrong in it leaves this one whole.
  mutating func message() throws(ProtobufError) -> ProtobufReader {
    let range = try range()
    position = range.upperBound
    return ProtobufReader(bytes, from: range.lowerBound, to: range.upperBound)
  }
}
