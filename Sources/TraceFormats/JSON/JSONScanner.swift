import TraceModel

/// A text is not JSON, or not of the expected form.
struct JSONError: Error, Hashable {
  /// The offset of the error in bytes.
  var offset: Int
  /// What is wrong.
  var reason: String
}

/// Scans JSON (RFC 8259) token by token and builds no tree: the caller knows the expected form.
///
/// Texts are validated as UTF-8, and nesting is limited. No input makes it trap.
struct JSONScanner {
  /// The input, followed by unescaped texts.
  private(set) var bytes: [UInt8]
  /// The length of the input.
  private let limit: Int
  private(set) var position = 0
  private let nestingLimit: Int
  private var nesting = 0

  init(_ bytes: [UInt8], nestingLimit: Int) {
    self.bytes = bytes
    limit = bytes.count
    self.nestingLimit = nestingLimit
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  func error(_ reason: String, at offset: Int? = nil) -> JSONError {
    JSONError(offset: offset ?? position, reason: reason)
  }

  /// The first byte of the next token, after white space; throws at the end.
  @inline(__always) mutating func next(_ wanted: @autoclosure () -> String) throws(JSONError) -> UInt8 {
    if position < limit, bytes[position] > 0x20 { return bytes[position] }
    return try nextAfterBlanks(wanted())
  }

  private mutating func nextAfterBlanks(_ wanted: String) throws(JSONError) -> UInt8 {
    while position < limit {
      let byte = bytes[position]
      if byte > 0x20 { return byte }
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
      position += 1
    }
    throw unexpected(wanted)
  }

  func unexpected(_ wanted: String) -> JSONError {
    guard position < limit else { return error("\(wanted) is missing: the input ends") }
    let byte = bytes[position]
    let found =
      byte > 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "the byte 0x" + String(byte, radix: 16)
    return error("\(wanted) is expected, not \(found)")
  }

  /// Enters an array or an object; false if it is empty, then it is already left.
  mutating func enter(_ open: UInt8, _ close: UInt8, _ wanted: String) throws(JSONError) -> Bool {
    guard try next(wanted) == open else { throw unexpected(wanted) }
    nesting += 1
    guard nesting <= nestingLimit else { throw error("nested deeper than \(nestingLimit) levels") }
    position += 1
    guard try next("a value or the end") == close else { return true }
    position += 1
    nesting -= 1
    return false
  }

  /// Skips a comma and returns true, or skips the end of the array or object and returns false.
  @inline(__always) mutating func more(_ close: UInt8) throws(JSONError) -> Bool {
    func wanted() -> String { close == 0x5D ? "',' or ']'" : "',' or '}'" }
    switch try next(wanted()) {
    case 0x2C:
      position += 1
      return true
    case close:
      position += 1
      nesting -= 1
      return false
    default: throw unexpected(wanted())
    }
  }

  mutating func enterArray() throws(JSONError) -> Bool { try enter(0x5B, 0x5D, "'['") }

  mutating func enterObject() throws(JSONError) -> Bool { try enter(0x7B, 0x7D, "'{'") }

  mutating func moreElements() throws(JSONError) -> Bool { try more(0x5D) }

  mutating func moreMembers() throws(JSONError) -> Bool { try more(0x7D) }

  /// Parses a member's name and its colon.
  mutating func key() throws(JSONError) -> String {
    let key = try string("a name in quotes")
    guard try next("':'") == 0x3A else { throw unexpected("':'") }
    position += 1
    return key
  }

  /// The slice of a member's name; skips its colon.
  mutating func keySlice() throws(JSONError) -> TextSlice {
    let key = try slice("a name in quotes")
    guard try next("':'") == 0x3A else { throw unexpected("':'") }
    position += 1
    return key
  }

  /// Checks that only white space follows.
  mutating func end() throws(JSONError) {
    guard isAtEnd() else { throw unexpected("the end of the input") }
  }

  /// Skips white space; whether nothing follows.
  mutating func isAtEnd() -> Bool {
    while position < limit, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    return position == limit
  }

  // MARK: Texts

  mutating func string(_ wanted: String) throws(JSONError) -> String {
    // Before `bytes` is read: this may append to it.
    let slice = try slice(wanted)
    return text(slice)
  }

  /// The slice of ``bytes`` with the characters of a text, unescaped.
  mutating func slice(_ wanted: String) throws(JSONError) -> TextSlice {
    guard try next(wanted) == 0x22 else { throw unexpected(wanted) }
    let start = position + 1
    let (stop, isASCII) = plainEnd(from: start)
    guard stop < limit else { throw error("the closing quote is missing", at: start - 1) }
    let byte = bytes[stop]
    if byte == 0x5C { return try escapedText(from: start, to: stop) }
    guard byte == 0x22 else {
      throw error("a text contains a control character; escape it", at: stop)
    }
    if !isASCII, String(validating: bytes[start..<stop], as: UTF8.self) == nil {
      throw error("the text is not UTF-8", at: start)
    }
    position = stop + 1
    return TextSlice(start: start, count: stop - start)
  }

  /// The first quote, backslash or control character from an offset on, and whether all bytes before it are ASCII. Tests eight
  /// bytes at a time: a byte below a bound borrows from its highest bit.
  private func plainEnd(from start: Int) -> (stop: Int, isASCII: Bool) {
    bytes.withUnsafeBytes { bytes in
      let ones: UInt64 = 0x0101_0101_0101_0101
      let highs: UInt64 = 0x8080_8080_8080_8080
      var index = start
      var seen: UInt64 = 0
      while index + 8 <= limit {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let found =
          ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word) & highs
        if found != 0 {
          let bits = found.trailingZeroBitCount & ~7
          seen |= word & (1 << UInt64(bits) &- 1)
          return (index + bits / 8, seen & highs == 0)
        }
        seen |= word
        index += 8
      }
      while index < limit {
        let byte = bytes[index]
        if byte == 0x22 || byte == 0x5C || byte < 0x20 { break }
        seen |= UInt64(byte)
        index += 1
      }
      return (index, seen & highs == 0)
    }
  }

  func text(_ slice: TextSlice) -> String { String(decoding: bytes[slice.range], as: UTF8.self) }

  /// Appends a text that is not part of the input.
  mutating func append(_ text: some Collection<UInt8>) -> TextSlice {
    let start = bytes.count
    bytes.append(contentsOf: text)
    return TextSlice(start: start, count: bytes.count - start)
  }

  /// Unescapes a text and appends it to the input.
  private mutating func escapedText(from start: Int, to first: Int) throws(JSONError) -> TextSlice {
    var text = Array(bytes[start..<first])
    var index = first
    while index < limit {
      let byte = bytes[index]
      if byte == 0x22 {
        position = index + 1
        guard String(validating: text, as: UTF8.self) != nil else {
          throw error("the text is not UTF-8", at: start)
        }
        return append(text)
      }
      guard byte >= 0x20 else { throw error("a text contains a control character; escape it", at: index) }
      if byte == 0x5C {
        try appendEscape(at: &index, to: &text)
      } else {
        text.append(byte)
        index += 1
      }
    }
    throw error("the closing quote is missing", at: start - 1)
  }

  private func appendEscape(at index: inout Int, to text: inout [UInt8]) throws(JSONError) {
    guard index + 1 < limit else { throw error("the closing quote is missing", at: index) }
    let plain: UInt8
    switch bytes[index + 1] {
    case 0x22: plain = 0x22
    case 0x5C: plain = 0x5C
    case 0x2F: plain = 0x2F
    case 0x62: plain = 0x08
    case 0x66: plain = 0x0C
    case 0x6E: plain = 0x0A
    case 0x72: plain = 0x0D
    case 0x74: plain = 0x09
    case 0x75:
      try appendUnicodeEscape(at: &index, to: &text)
      return
    default: throw error("an unknown escape sequence", at: index)
    }
    text.append(plain)
    index += 2
  }

  private func appendUnicodeEscape(at index: inout Int, to text: inout [UInt8]) throws(JSONError) {
    guard var code = codeUnit(at: index) else { throw error("four hexadecimal digits must follow \\u", at: index) }
    index += 6
    if code & 0xFC00 == 0xD800, let low = codeUnit(at: index), low & 0xFC00 == 0xDC00 {
      code = 0x10000 + (code & 0x3FF) << 10 + low & 0x3FF
      index += 6
    }
    // An unpaired surrogate is not a character. It becomes the replacement character, as in browsers.
    let scalar = UnicodeScalar(code) ?? "\u{FFFD}"
    text.append(contentsOf: String(Character(scalar)).utf8)
  }

  /// The code unit of `\uXXXX` at an offset.
  private func codeUnit(at index: Int) -> UInt32? {
    guard index + 6 <= limit, bytes[index] == 0x5C, bytes[index + 1] == 0x75 else { return nil }
    var code: UInt64 = 0
    for digit in bytes[(index + 2)..<(index + 6)] {
      guard let value = Hexadecimal.value(digit) else { return nil }
      code = code << 4 | value
    }
    return UInt32(code)
  }

  // MARK: Numbers and literals

  /// Parses a number, as written.
  mutating func number() throws(JSONError) -> String { text(try numberSlice()) }

  /// The slice of a number.
  mutating func numberSlice() throws(JSONError) -> TextSlice {
    _ = try next("a number")
    let start = position
    if peek == 0x2D { position += 1 }
    let integer = digits()
    guard integer > 0 else { throw unexpected("a digit") }
    if integer > 1, bytes[position - integer] == 0x30 {
      throw error("a number must not begin with 0", at: position - integer)
    }
    if peek == 0x2E {
      position += 1
      guard digits() > 0 else { throw unexpected("a digit") }
    }
    if peek == 0x65 || peek == 0x45 {
      position += 1
      if peek == 0x2B || peek == 0x2D { position += 1 }
      guard digits() > 0 else { throw unexpected("a digit") }
    }
    return TextSlice(start: start, count: position - start)
  }

  private var peek: UInt8? { position < limit ? bytes[position] : nil }

  private mutating func digits() -> Int {
    let start = position
    while let byte = peek, byte >= 0x30, byte <= 0x39 { position += 1 }
    return position - start
  }

  /// Skips `true`, `false` or `null` if it is next.
  mutating func literal(_ word: StaticString) throws(JSONError) -> Bool {
    _ = try next("a value")
    guard position + word.utf8CodeUnitCount <= limit else { return false }
    for index in 0..<word.utf8CodeUnitCount where bytes[position + index] != word.utf8Start[index] { return false }
    position += word.utf8CodeUnitCount
    return true
  }

  /// Skips `null` if it is next.
  mutating func null() throws(JSONError) -> Bool {
    guard try next("a value") == 0x6E else { return false }
    return try literal("null")
  }

  /// Whether a text equals a word.
  @inline(__always) func isEqual(_ text: TextSlice, _ word: StaticString) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    return bytes.withUnsafeBytes { bytes in
      for index in 0..<text.count where bytes[text.start + index] != word.utf8Start[index] { return false }
      return true
    }
  }

  /// Whether a text contains a zero byte. Only a text with escapes can.
  func holdsZero(_ text: TextSlice) -> Bool { text.start >= limit && bytes[text.range].contains(0) }

  /// Whether two texts are equal.
  func isEqual(_ first: TextSlice, _ second: TextSlice) -> Bool {
    guard first.count == second.count else { return false }
    return bytes.withUnsafeBytes { first.of($0).elementsEqual(second.of($0)) }
  }
}
