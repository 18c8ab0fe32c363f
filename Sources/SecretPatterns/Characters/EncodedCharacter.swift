/// A character of a text that may be percent-encoded, also several times: `=`, `%3D` and `%253D` are all `=`.
struct EncodedCharacter {
  /// The character, as a byte of UTF-8.
  let byte: UInt8
  /// How many times it is encoded, at most ``deepest``; 0 for a plain character.
  let level: Int
  /// The position after it.
  let end: Int

  /// Reads the character at a position of a text.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer, _ index: Int) {
    self = bytes[index] == UInt8(ascii: "%") ? Self.decoded(bytes, index) : Self(bytes[index], level: 0, end: index + 1)
  }

  private init(_ byte: UInt8, level: Int, end: Int) { (self.byte, self.level, self.end) = (byte, level, end) }

  private static func decoded(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> EncodedCharacter {
    var (level, digits) = (1, index + 1)
    // `%25` is an encoded percent sign, with which a further level begins if two digits follow.
    while digits + 3 < bytes.count, bytes[digits] == UInt8(ascii: "2"), bytes[digits + 1] == UInt8(ascii: "5"),
      digit(bytes[digits + 2]) != nil, digit(bytes[digits + 3]) != nil
    {
      level += 1
      digits += 2
    }
    guard digits + 1 < bytes.count, let high = digit(bytes[digits]), let low = digit(bytes[digits + 1]) else {
      return Self(bytes[index], level: 0, end: index + 1)
    }
    return Self(high << 4 | low, level: min(level, deepest), end: digits + 2)
  }

  /// Deeper levels count as this one. So a text has few levels, and what is looked for at each of them is found soon.
  private static let deepest = 8

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte &- 0x30
    case 0x61...0x66: byte &- 0x57
    case 0x41...0x46: byte &- 0x37
    default: nil
    }
  }
}
