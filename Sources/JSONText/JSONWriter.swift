/// Writes JSON text (RFC 8259) into bytes, without building a tree first. The caller keeps the order: a key before each value
/// of an object.
public struct JSONWriter: Sendable {
  /// How JSON text is laid out.
  package enum Layout: Sendable {
    /// On one line, without spaces.
    case compact
    /// Over several lines, each level indented by this number of spaces.
    case indented(Int)
  }

  /// A place in the text; what is written after it can be removed again.
  package struct Mark: Sendable {
    fileprivate let count: Int
    fileprivate let needsComma: Bool
  }

  @usableFromInline var storage: [UInt8] = []
  @usableFromInline var needsComma = false
  /// The spaces of a level; nil for text on one line.
  @usableFromInline let indentation: Int?
  private var depth = 0
  private var isAfterKey = false

  /// Begins an empty text.
  package init(layout: Layout = .compact) {
    if case .indented(let width) = layout { indentation = width } else { indentation = nil }
  }

  /// What has been written, as UTF-8.
  @inlinable public var bytes: [UInt8] { storage }

  /// What has been written.
  package var text: String { String(decoding: storage, as: UTF8.self) }

  /// The end of what has been written.
  package var mark: Mark { Mark(count: storage.count, needsComma: needsComma) }

  /// Removes everything that was written after a mark. No array or object may have begun or ended since.
  package mutating func remove(after mark: Mark) {
    storage.removeSubrange(mark.count...)
    needsComma = mark.needsComma
  }

  // MARK: Arrays and objects

  /// Begins an object.
  package mutating func beginObject() { begin(UInt8(ascii: "{")) }
  /// Ends an object.
  package mutating func endObject() { end(UInt8(ascii: "}")) }
  /// Begins an array.
  package mutating func beginArray() { begin(UInt8(ascii: "[")) }
  /// Ends an array.
  package mutating func endArray() { end(UInt8(ascii: "]")) }

  private mutating func begin(_ bracket: UInt8) {
    separate()
    storage.append(bracket)
    needsComma = false
    depth += 1
  }

  private mutating func end(_ bracket: UInt8) {
    depth -= 1
    // The state after the last member, or after the bracket where there is none.
    if indentation != nil, needsComma { beginLine() }
    storage.append(bracket)
    needsComma = true
  }

  /// What stands between the value before and the one that follows.
  @inlinable mutating func separate() {
    if needsComma { storage.append(0x2C) }
    needsComma = true
    if indentation != nil { beginLineUnlessAfterKey() }
  }

  @usableFromInline mutating func beginLineUnlessAfterKey() {
    if depth > 0, !isAfterKey { beginLine() }
    isAfterKey = false
  }

  private mutating func beginLine() {
    storage.append(0x0A)
    storage.append(contentsOf: repeatElement(0x20, count: depth * (indentation ?? 0)))
  }

  // MARK: Values

  /// The key of the value that follows.
  package mutating func key(_ key: String) {
    string(key)
    storage.append(0x3A)
    if indentation != nil {
      storage.append(0x20)
      isAfterKey = true
    }
    needsComma = false
  }

  /// A text.
  package mutating func string(_ text: String) {
    separate()
    var text = text
    text.withUTF8 { appendQuoted($0) }
  }

  /// A whole number.
  @inlinable public mutating func number(_ value: some BinaryInteger) {
    separate()
    storage.append(contentsOf: String(value).utf8)
  }

  /// A number; 0 for one that is not finite, as JSON has none.
  package mutating func decimal(_ value: Double) {
    separate()
    storage.append(contentsOf: String(value.isFinite ? value : 0).utf8)
  }

  /// A share or a probability, with four digits.
  package mutating func fraction(_ value: Double) {
    separate()
    let digits = String(Int((min(max(value, 0), 1) * 10_000).rounded()))
    let text = digits.count > 4 ? "1.0" : "0." + String(repeating: "0", count: 4 - digits.count) + digits
    storage.append(contentsOf: text.utf8)
  }

  /// True or false.
  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

  /// Null.
  package mutating func null() { literal("null") }

  /// A value that is JSON already.
  package mutating func literal(_ json: String) {
    separate()
    storage.append(contentsOf: json.utf8)
  }

  /// A value that is JSON already, in bytes.
  @inlinable public mutating func raw(_ json: some Collection<UInt8>) {
    separate()
    storage.append(contentsOf: json)
  }

  /// An array of texts.
  package mutating func strings(_ values: some Sequence<String>) {
    beginArray()
    for value in values { string(value) }
    endArray()
  }

  // MARK: Escapes

  /// A character as an escape: `\u000a`, or a pair of them beyond U+FFFF.
  package static func escape(_ scalar: Unicode.Scalar) -> String {
    String(scalar).utf16.reduce(into: "") { text, unit in
      text += "\\u" + String(UInt32(unit) | 0x10000, radix: 16).dropFirst()
    }
  }

  /// Characters that stand for themselves are copied in runs.
  private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
    storage.append(0x22)
    var start = 0
    var index = 0
    while index < text.count {
      let byte = text[index]
      guard byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0xE2 else {
        index += 1
        continue
      }
      let length = Self.isLineSeparator(text, at: index) ? 3 : 1
      if byte == 0xE2, length == 1 {
        index += 1
        continue
      }
      storage.append(contentsOf: text[start..<index])
      appendEscape(byte, last: text[index + length - 1])
      index += length
      start = index
    }
    storage.append(contentsOf: text[start...])
    storage.append(0x22)
  }

  /// U+2028 and U+2029 end a line in JavaScript, so they are escaped too.
  private static func isLineSeparator(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Bool {
    text[index] == 0xE2 && index + 2 < text.count && text[index + 1] == 0x80 && text[index + 2] & 0xFE == 0xA8
  }

  private mutating func appendEscape(_ byte: UInt8, last: UInt8) {
    switch byte {
    case 0x22: storage.append(contentsOf: #"\""#.utf8)
    case 0x5C: storage.append(contentsOf: #"\\"#.utf8)
    case 0x0A: storage.append(contentsOf: #"\n"#.utf8)
    case 0x0D: storage.append(contentsOf: #"\r"#.utf8)
    case 0x09: storage.append(contentsOf: #"\t"#.utf8)
    case 0xE2: storage.append(contentsOf: (last == 0xA8 ? #"\u2028"# : #"\u2029"#).utf8)
    default: storage.append(contentsOf: Self.escape(Unicode.Scalar(byte)).utf8)
    }
  }
}
