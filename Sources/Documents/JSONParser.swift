import OrderedCollections

/// Reads JSON text as RFC 8259 has it, keeping the order of keys; of a key that is given twice the last value stays.
struct JSONParser: ~Copyable {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads the whole text as one value.
  mutating func parse() throws(DocumentError) -> DocumentValue {
    guard DocumentEncoding(of: bytes) == .utf8 else { throw error("the text is not UTF-8, as JSON has to be") }
    guard !bytes.starts(with: [0xef, 0xbb, 0xbf]) else {
      throw error("the text begins with a byte order mark, which JSON does not have; remove it")
    }
    skipSpace()
    guard peek != nil else { throw error("the document is empty") }
    let value = try value(depth: 0)
    skipSpace()
    guard peek == nil else { throw unexpected("after the document's end") }
    return value
  }

  private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(DocumentError) -> DocumentValue {
    guard depth <= DocumentValue.depthLimit else {
      throw error("the document is nested more than \(DocumentValue.depthLimit) levels deep", code: .tooLarge)
    }
    switch peek {
    case UInt8(ascii: "{"): return .object(try object(depth: depth))
    case UInt8(ascii: "["): return .array(try array(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(DocumentError) -> DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    position += 1
    skipSpace()
    if take(UInt8(ascii: "}")) { return object }
    while true {
      skipSpace()
      guard peek == UInt8(ascii: "\"") else { throw unexpected("where a key in quotes is expected") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw unexpected("where a colon is expected") }
      skipSpace()
      object[key] = try value(depth: depth + 1)
      skipSpace()
      if take(UInt8(ascii: "}")) { return object }
      guard take(UInt8(ascii: ",")) else { throw unexpected("where a comma or a closing brace is expected") }
    }
  }

  private mutating func array(depth: Int) throws(DocumentError) -> [DocumentValue] {
    var items: [DocumentValue] = []
    position += 1
    skipSpace()
    if take(UInt8(ascii: "]")) { return items }
    while true {
      skipSpace()
      items.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return items }
      guard take(UInt8(ascii: ",")) else { throw unexpected("where a comma or a closing bracket is expected") }
    }
  }

  private mutating func word(_ word: StaticString, _ value: DocumentValue) throws(DocumentError) -> DocumentValue {
    let start = position
    for byte in "\(word)".utf8 {
      guard take(byte) else {
        position = start
        throw unexpected("where a value is expected")
      }
    }
    return value
  }

  private mutating func digits() -> Bool {
    let start = position
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    return position > start
  }

  private mutating func number() throws(DocumentError) -> DocumentValue {
    let start = position
    var isWhole = true
    _ = take(UInt8(ascii: "-"))
    let startsWithZero = peek == UInt8(ascii: "0")
    let firstDigit = position
    guard digits(), !startsWithZero || position == firstDigit + 1 else {
      position = start
      throw unexpected("where a value is expected")
    }
    if take(UInt8(ascii: ".")) {
      isWhole = false
      guard digits() else { throw unexpected("where a digit is expected") }
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      isWhole = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      guard digits() else { throw unexpected("where a digit is expected") }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if isWhole, let value = Int64(text) { return .integer(value) }
    guard let value = DocumentValue.double(text) else {
      position = start
      throw error("a number is too large or too long")
    }
    return DocumentValue(number: value)
  }

  private mutating func string() throws(DocumentError) -> String {
    let start = position
    position += 1
    var text: [UInt8] = []
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          position = start
          throw error("text is not valid UTF-8")
        }
        return string
      case UInt8(ascii: "\\"):
        position += 1
        text.append(contentsOf: String(Character(try escape())).utf8)
      case 0..<0x20: throw error("text holds an unescaped control character")
      default:
        position += 1
        text.append(byte)
      }
    }
    throw unexpected("within text")
  }

  private mutating func escape() throws(DocumentError) -> Unicode.Scalar {
    guard let byte = peek else { throw unexpected("within text") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try hexUnit()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      guard unit < 0xdc00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
        throw error("an escape is half of a surrogate pair")
      }
      let low = try hexUnit()
      guard (0xdc00...0xdfff).contains(low),
        let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xd800) << 10 + (UInt32(low) - 0xdc00))
      else { throw error("an escape is half of a surrogate pair") }
      return scalar
    default:
      position -= 1
      throw unexpected("as an escape")
    }
  }

  private mutating func hexUnit() throws(DocumentError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw unexpected("where a hexadecimal digit is expected")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  private func unexpected(_ place: String) -> DocumentError {
    guard let byte = peek else { return error("the document ends too early") }
    let shown = (0x21..<0x7f).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    return error("unexpected \(shown) \(place)")
  }

  private func error(_ message: String, code: DocumentError.Code = .syntax) -> DocumentError {
    var line = 1
    var column = 1
    for byte in bytes[..<min(position, bytes.count)] {
      if byte == 0x0a {
        line += 1
        column = 1
      } else if byte & 0xc0 != 0x80 {
        column += 1
      }
    }
    return DocumentError(code: code, message: message, line: line, column: column)
  }
}

extension DocumentValue {
  /// How many characters a number may be written with; the longest that a program prints has less than 330.
  private static var numberLength: Int { 400 }

  /// The number that decimal digits stand for; `nil` when it is not finite or written with too many digits.
  ///
  /// - Parameter digits: digits with a point or an exponent, checked by the caller: the standard library's own reader
  ///   takes more than that, such as `0x1p3` and `nan`.
  static func double(_ digits: String) -> Double? {
    guard digits.utf8.count <= numberLength, let value = Double(digits), value.isFinite else { return nil }
    return value
  }

  /// The number that text stands for, as JSON writes numbers; `nil` for other text.
  static func number(inText text: String) -> DocumentValue? {
    // Space around a number is no part of one.
    guard let first = text.utf8.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
      let last = text.utf8.last, (0x30...0x39).contains(last), let value = try? DocumentValue(json: text.utf8),
      value.number != nil
    else { return nil }
    return value
  }

  /// A number in the one form that both syntaxes give it: without a fraction where there is none.
  package init(number: Double) {
    if let integer = Int64(exactly: number), integer.magnitude < 1 << 53 {
      self = .integer(integer)
    } else {
      self = .number(number)
    }
  }
}
