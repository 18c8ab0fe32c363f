/// One pass over a text.
struct SecretScan {
  let bytes: UnsafeRawBufferPointer
  let keys: SecretKeys
  let classes = ByteClasses.shared
  /// What has been found, in order.
  var secrets: [Secret] = []
  /// The position of the next character.
  var index = 0
  /// The last word; empty if none has been read yet.
  var word = 0..<0
  /// The word before, of which the last one is separated by a single slash.
  private var partBefore: Range<Int>?
  /// The word that is the key of a pair, if `=` or `:` follows.
  private var key: Range<Int>?
  /// Whether a quotation mark stands between the key and what follows.
  private var isKeyQuoted = false
  /// The separator before the last word, and before its key; 0 at the beginning.
  private(set) var separatorBefore: UInt8 = 0
  /// The last separator, and where it ends.
  private(set) var lastSeparator: UInt8 = 0
  private(set) var lastSeparatorEnd = 0
  /// Where the last run of characters without blanks and quotation marks began.
  private var runStart = 0
  /// The program whose command line this is, if it takes a password.
  var program: SecretProgram?
  /// What was read of a statement of SQL that gives somebody a password.
  var statement = SecretStatement()
  /// What was read of an element of XML.
  var element = SecretElement()
  /// A key that is a value itself, as in `{"name":"authorization","value":"…"}`.
  var named: Range<Int>?
  /// How many bytes were looked at ahead of the position. Each of them is read once more when the position comes to it.
  var looked = 0
  /// How many bytes are looked at ahead. Beyond it the rest of the text is hidden, so that no text costs more.
  private let limit: Int

  init(_ bytes: UnsafeRawBufferPointer, _ keys: SecretKeys, limit: Int? = nil) {
    (self.bytes, self.keys) = (bytes, keys)
    self.limit = limit ?? 64 * bytes.count + 4_096
  }

  mutating func run() {
    while index < bytes.count {
      guard looked <= limit else { return hide(index..<bytes.count, .token) }
      readWord()
      guard index < bytes.count else { break }
      let start = index
      let separator = EncodedCharacter(bytes, start)
      index = separator.end
      handle(separator, at: start)
      lastSeparator = separator.byte
      lastSeparatorEnd = max(lastSeparatorEnd, separator.end)
    }
  }

  /// The bytes of a range.
  func text(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }

  /// Notes a secret and goes on after it.
  mutating func hide(
    _ range: Range<Int>, _ kind: Secret.Kind, key: Range<Int>? = nil, hasPassword: Bool = false, mark: Range<Int>? = nil
  ) {
    let start = max(range.lowerBound, secrets.last?.range.upperBound ?? 0)
    index = max(index, range.upperBound)
    guard start < range.upperBound, !Secret.isReplacement(text(start..<range.upperBound)) else { return }
    secrets.append(
      Secret(range: start..<range.upperBound, kind: kind, key: key, hasPassword: hasPassword, mark: mark))
  }

  // MARK: Words

  private mutating func readWord() {
    let start = index
    var begin = start
    // Quotation marks and blanks beyond ASCII, as in `“ghp_…”`.
    while begin < bytes.count, bytes[begin] >= 0x80 { begin += 1 }
    if begin < bytes.count, classes.has(bytes[begin], ByteClass.tokenStart), let end = tokenEnd(at: begin) {
      hide(begin..<end.position, end.kind)
      endToken(at: end.position)
      return
    }
    while index < bytes.count {
      if classes.has(bytes[index], ByteClass.word) {
        index += 1
      } else if bytes[index] == UInt8(ascii: "%") {
        let character = EncodedCharacter(bytes, index)
        guard character.level > 0, classes.has(character.byte, ByteClass.word) else { break }
        index = character.end
      } else {
        break
      }
    }
    guard index > start else { return }
    partBefore = lastSeparator == UInt8(ascii: "/") && word.upperBound + 1 == start && !word.isEmpty ? word : nil
    (word, key, isKeyQuoted, separatorBefore) = (start..<index, start..<index, false, lastSeparator)
    if word.count >= 10, let inner = tokenWithinWord() {
      hide(inner.range, inner.kind)
      endToken(at: index)
    } else {
      endWord()
    }
  }

  private mutating func endToken(at end: Int) { (word, key, partBefore) = (end..<end, nil, nil) }

  /// What a word says about itself and what follows it.
  private mutating func endWord() {
    if let partBefore, word.count >= 16, SecretLooks(text(word)).isRandom, keys.leadsToSecret(text(partBefore)) {
      hide(word, .path)
      return
    }
    if word.lowerBound == element.nameStart || word.lowerBound == element.endStart { readElementName() }
    if bytes[word.lowerBound] == UInt8(ascii: "-") {
      if word.count > 1 { readFlag() }
    } else if LeadWord.mayBe(bytes[word.lowerBound], word.count) {
      if let lead = LeadWord(text(word)) { read(lead) }
    }
  }

  /// Whether the last word is a word in lower case, whatever its own case.
  func isWord(_ wanted: StaticString) -> Bool {
    word.count == wanted.utf8CodeUnitCount && hasPrefix(wanted, at: word.lowerBound)
  }

  /// Whether a word in lower case stands at a position, in any case.
  func hasPrefix(_ wanted: StaticString, at start: Int) -> Bool {
    guard bytes.count - start >= wanted.utf8CodeUnitCount else { return false }
    return wanted.withUTF8Buffer { wanted in
      for offset in wanted.indices {
        var byte = bytes[start + offset]
        if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") { byte |= 0x20 }
        if byte != wanted[offset] { return false }
      }
      return true
    }
  }

  // MARK: Separators

  private mutating func handle(_ separator: EncodedCharacter, at start: Int) {
    switch separator.byte {
    case UInt8(ascii: "="), UInt8(ascii: ":"):
      if separator.byte == UInt8(ascii: ":"), let end = portEnd() {
        index = end
        hideWebhook(level: separator.level)
      }
      if word.lowerBound == element.nameStart { element.nameStart = index }
      if word.lowerBound == element.endStart { element.endStart = index }
      if let key {
        let pair = Pair(
          key: key, isQuoted: isKeyQuoted, before: separatorBefore, sign: separator.byte, level: separator.level)
        self.key = nil
        hideValue(of: pair)
        if separator.byte == UInt8(ascii: ":") { hideOracle() }
      }
    case UInt8(ascii: "/"):
      key = nil
      guard index < bytes.count else { return }
      if lastSeparatorEnd == start, lastSeparator == UInt8(ascii: "<") { element.endStart = index }
      var next = EncodedCharacter(bytes, index)
      // `http:\/\/…`, as in JSON whose writer escapes slashes.
      if next.byte == UInt8(ascii: "\\"), next.end < bytes.count { next = EncodedCharacter(bytes, next.end) }
      // `//` after a word or another slash is a part of a path.
      let begins = start == 0 || lastSeparatorEnd == start && lastSeparator != UInt8(ascii: "/")
      if begins, next.byte == UInt8(ascii: "/"), next.level == separator.level {
        index = next.end
        lastSeparatorEnd = next.end
        skipFurtherSlashes(level: separator.level)
        hideUser(level: separator.level)
      } else if lastSeparatorEnd == start, lastSeparator == UInt8(ascii: ":"), isScheme {
        hideUser(level: separator.level, isCertain: true)
      } else {
        hideWebhook(level: separator.level)
      }
    case UInt8(ascii: "@"):
      key = nil
      hideNetworkAddressUser()
    case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
      isKeyQuoted = true
      runStart = separator.end
    case 0x00...0x20:
      runStart = separator.end
      if separator.byte == 0x0A, program?.isWebClient == false, lastSeparator != UInt8(ascii: "\\") { program = nil }
    case UInt8(ascii: "<"): (key, element.nameStart) = (nil, separator.end)
    case UInt8(ascii: ">"):
      key = nil
      readTagEnd(at: start, level: separator.level)
    case UInt8(ascii: "\\"), UInt8(ascii: "]"): break
    case UInt8(ascii: "["):
      // The parameter of a list: `token[]`, `token[0]`.
      if key != nil, let end = subscriptEnd() { index = end } else { key = nil }
    case UInt8(ascii: ","):
      if let key, isKeyQuoted { hideElement(after: key) }
      key = nil
    case UInt8(ascii: "|"): (key, program) = (nil, nil)
    case UInt8(ascii: ";"), UInt8(ascii: "&"):
      key = nil
      if program?.isWebClient == false { program = nil }
    default: key = nil
    }
  }

  /// The beginning of the run of characters that the present one is in.
  var currentRun: Int { max(runStart, secrets.last?.range.upperBound ?? 0) }
}

/// A key with its sign, `=` or `:`.
struct Pair {
  /// Where the key stands.
  var key: Range<Int>
  /// Whether the key is in quotation marks.
  var isQuoted: Bool
  /// The separator before the key; 0 if there is none.
  var before: UInt8
  /// `=` or `:`.
  var sign: UInt8
  /// How many times the sign is encoded.
  var level: Int

  /// Whether the pair is a parameter of a URL.
  var isParameter: Bool {
    sign == UInt8(ascii: "=")
      && (before == UInt8(ascii: "?") || before == UInt8(ascii: "&") || before == UInt8(ascii: "#"))
  }
}
