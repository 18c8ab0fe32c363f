/// What bytes mean in the search for secrets.
enum ByteClass {
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

  fileprivate static func of(_ byte: UInt8) -> UInt8 {
    let letterOrDigit = word | alphanumeric | base64
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      return letterOrDigit | hexadecimal
    case UInt8(ascii: "g")...UInt8(ascii: "z"), UInt8(ascii: "G")...UInt8(ascii: "Z"): return letterOrDigit
    case UInt8(ascii: "-"), UInt8(ascii: "_"): return word | base64
    case UInt8(ascii: "."): return word | dot
    case UInt8(ascii: "~"), 0x80...0xFF: return word
    case UInt8(ascii: "+"), UInt8(ascii: "/"): return separator | base64
    case UInt8(ascii: "="), UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: ":"): return mark | separator
    default: return separator
    }
  }
}

/// The classes of all bytes as a table that is never released.
struct ByteClasses: @unchecked Sendable {
  private let table: UnsafePointer<UInt8>

  private init() {
    let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
    for byte in 0..<256 {
      let byte = UInt8(byte)
      let isTokenStart = "adeghnprswxyADEGHNPRSWXY-".utf8.contains(byte)
      table[Int(byte)] = ByteClass.of(byte) | (isTokenStart ? ByteClass.tokenStart : 0)
    }
    self.table = UnsafePointer(table)
  }

  static let shared = ByteClasses()

  /// Whether a byte has one of some classes.
  @inline(__always) func has(_ byte: UInt8, _ classes: UInt8) -> Bool { table[Int(byte)] & classes != 0 }

  /// The classes of all bytes of a text together.
  func union(_ bytes: UnsafeRawBufferPointer) -> UInt8 {
    var classes: UInt8 = 0
    for byte in bytes { classes |= table[Int(byte)] }
    return classes
  }
}
