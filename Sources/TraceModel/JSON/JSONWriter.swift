/// Writes JSON without building a tree first. The caller keeps the order: a key before each value of an object.
package struct JSONWriter {
  /// What has been written.
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  /// Makes a writer that has written nothing.
  package init() {}

  /// A place to which what is written behind it can be taken back.
  package struct Mark {
    fileprivate let count: Int
    fileprivate let needsComma: Bool
  }

  package var mark: Mark { Mark(count: bytes.count, needsComma: needsComma) }

  package mutating func takeBack(to mark: Mark) {
    bytes.removeSubrange(mark.count...)
    needsComma = mark.needsComma
  }

  package mutating func beginObject() { begin(0x7B) }
  package mutating func endObject() { end(0x7D) }
  package mutating func beginArray() { begin(0x5B) }
  package mutating func endArray() { end(0x5D) }

  private mutating func begin(_ byte: UInt8) {
    comma()
    bytes.append(byte)
    needsComma = false
  }

  private mutating func end(_ byte: UInt8) {
    bytes.append(byte)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { bytes.append(0x2C) }
    needsComma = true
  }

  package mutating func key(_ key: String) {
    string(key)
    bytes.append(0x3A)
    needsComma = false
  }

  package mutating func string(_ text: String) {
    comma()
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5C:
        bytes.append(0x5C)
        bytes.append(byte)
      case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
      case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
      case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
      case 0..<0x20:
        bytes.append(contentsOf: [0x5C, 0x75, 0x30, 0x30, Hexadecimal.digits[Int(byte >> 4)]])
        bytes.append(Hexadecimal.digits[Int(byte & 15)])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }

  /// Writes a whole number.
  @inlinable package mutating func number(_ value: some BinaryInteger) { literal(String(value)) }

  /// Writes a share or a probability, to four digits.
  package mutating func fraction(_ value: Double) {
    comma()
    let digits = String(Int((min(max(value, 0), 1) * 10_000).rounded()))
    let text = digits.count > 4 ? "1.0" : "0." + String(repeating: "0", count: 4 - digits.count) + digits
    bytes.append(contentsOf: text.utf8)
  }

  /// A number that is finite.
  package mutating func decimal(_ value: Double) {
    comma()
    bytes.append(contentsOf: String(value.isFinite ? value : 0).utf8)
  }

  package mutating func bool(_ value: Bool) {
    comma()
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
  }

  /// A value that is JSON already.
  package mutating func literal(_ json: String) {
    comma()
    bytes.append(contentsOf: json.utf8)
  }

  package mutating func null() { literal("null") }

  /// The same, in bytes.
  package mutating func raw(_ value: [UInt8]) {
    comma()
    bytes.append(contentsOf: value)
  }

  package mutating func strings(_ values: [String]) {
    beginArray()
    for value in values { string(value) }
    endArray()
  }
}
