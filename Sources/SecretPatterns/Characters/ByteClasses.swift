/// What bytes mean in the search for secrets.
struct ByteClasses: Sendable {
  /// A byte of a word: a letter, a digit, `-`, `_`, `.`, `~`, or a byte of a letter beyond ASCII.
  static let word: UInt8 = 1
  /// A byte with which a known form of token may begin.
  static let tokenStart: UInt8 = 2
  /// `=`, `@`, `%` or `:`, of which one is in nearly every secret that has a key.
  static let mark: UInt8 = 4
  /// What separates words.
  static let separator: UInt8 = 8
  /// A dot.
  static let dot: UInt8 = 16
  /// A letter or a digit.
  static let alphanumeric: UInt8 = 32
  /// A hexadecimal digit.
  static let hexadecimal: UInt8 = 64
  /// A byte of base64, in either alphabet.
  static let base64: UInt8 = 128

  private let table: InlineArray<256, UInt8>

  private init() {
    var table = InlineArray<256, UInt8>(repeating: 0)
    for byte in 0..<256 {
      var bits: UInt8 = 0
      let character = UInt8(byte)
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        bits = Self.word | Self.alphanumeric | Self.hexadecimal | Self.base64
      case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
        bits = Self.word | Self.alphanumeric | Self.hexadecimal | Self.base64
      case UInt8(ascii: "g")...UInt8(ascii: "z"), UInt8(ascii: "G")...UInt8(ascii: "Z"):
        bits = Self.word | Self.alphanumeric | Self.base64
      case UInt8(ascii: "-"), UInt8(ascii: "_"): bits = Self.word | Self.base64
      case UInt8(ascii: "."): bits = Self.word | Self.dot
      case UInt8(ascii: "~"), 0x80...0xFF: bits = Self.word
      case UInt8(ascii: "+"), UInt8(ascii: "/"): bits = Self.separator | Self.base64
      case UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: ":"):
        bits = Self.mark | Self.separator
      default: bits = Self.separator
      }
      if "aeghdnprswxyAEGHDNPRSWXY-".utf8.contains(character) { bits |= Self.tokenStart }
      table[byte] = bits
    }
    self.table = table
  }

  private static let shared = ByteClasses()

  /// All classes of a byte.
  static subscript(_ byte: UInt8) -> UInt8 { shared.table[Int(byte)] }

  /// Whether a byte has a class.
  @inline(__always) static func has(_ byte: UInt8, _ bits: UInt8) -> Bool { self[byte] & bits != 0 }

  /// The classes of all bytes of a text together.
  static func union(_ bytes: UnsafeRawBufferPointer) -> UInt8 {
    let table = shared.table
    return table.span.withUnsafeBufferPointer { table in
      var bits: UInt8 = 0
      for byte in bytes { bits |= table[Int(byte)] }
      return bits
    }
  }
}
