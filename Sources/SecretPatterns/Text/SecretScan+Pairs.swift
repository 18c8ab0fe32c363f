/// Keys and their values: parameters of URLs, members in JSON, headers, fields of connection strings.
extension SecretScan {
  /// How far is looked ahead for the end of a value that may turn out to be none.
  static let lookahead = 128

  /// Hides the value of a pair if its key says so. The next character is the one after the sign.
  mutating func hideValue(of pair: Pair) {
    guard pair.key.count > 1, pair.key.count <= 256, index < bytes.count else { return }
    var pair = pair
    var verdict = keys.verdict(ofPair: text(pair.key))
    if !verdict.isSecret, pair.key.count <= 6 { verdict = verdictOfNamed(&pair) ?? verdict }
    guard verdict.isSecret || verdict == .doubtful else { return }
    if verdict != .doubtful, let content = containerContent(of: pair) {
      guard !content.range.isEmpty, !isConstant(content.range, of: pair) else { return }
      return hide(content.range, .parameter, key: pair.key, mark: content.isMember ? mark(before: pair.key) : nil)
    }
    let (start, quote) = valueStart()
    guard start < bytes.count else { return }
    if verdict == .doubtful {
      let end = tokenRunEnd(from: start)
      guard SecretLooks(text(start..<end)).isRandom else { return }
    }
    let range: Range<Int>
    var mark: Range<Int>?
    if let quote {
      range = quotedRange(from: start, quote)
    } else if pair.sign == UInt8(ascii: "="), let end = bracedEnd(from: start) {
      range = start..<end
    } else if pair.sign == UInt8(ascii: "=") || pair.isQuoted {
      let end = plainEnd(from: start, of: pair)
      range = start..<end
      if pair.sign == UInt8(ascii: ":") { mark = self.mark(before: pair.key) }
    } else if keys.isHeader(text(pair.key)) {
      let end = lineEnd(from: start, level: pair.level)
      range = start..<end
    } else {
      // Prose such as `password: required` looks like this.
      let end = wordEnd(from: start)
      let isAlone = end == bytes.count || bytes[end] != 0x20 || end + 1 == bytes.count
      guard isAlone || SecretLooks(text(start..<end)).isRandom else { return }
      range = start..<end
    }
    guard !range.isEmpty, !isConstant(range, of: pair) else { return }
    hide(range, .parameter, key: pair.key, mark: mark)
  }

  /// The quotation mark before a key, with what escapes it; nil if there is none.
  func mark(before key: Range<Int>) -> Range<Int>? {
    var start = key.lowerBound - 1
    guard start >= 0 else { return nil }
    if bytes[start] == UInt8(ascii: "\"") || bytes[start] == UInt8(ascii: "'") {
      while start > 0, key.lowerBound - start < 64, bytes[start - 1] == UInt8(ascii: "\\") { start -= 1 }
      return start..<key.lowerBound
    }
    // `%22`, `%2522` and so on.
    start = key.lowerBound - 3
    while start > 0, key.lowerBound - start < 32, bytes[start] != UInt8(ascii: "%") { start -= 2 }
    guard start >= 0, bytes[start] == UInt8(ascii: "%") else { return nil }
    let character = EncodedCharacter(bytes, start)
    guard character.end == key.lowerBound, character.byte == UInt8(ascii: "\"") || character.byte == UInt8(ascii: "'")
    else { return nil }
    return start..<key.lowerBound
  }

  /// A quotation mark that begins a value.
  struct Quote {
    var byte: UInt8
    var level: Int
    /// How many backslashes stand before it.
    var escapes: Int
  }

  /// Where the value begins after the sign, and its quotation mark if it has one.
  mutating func valueStart() -> (start: Int, quote: Quote?) {
    var position = index
    var escapes = 0
    defer { looked += position - index }
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      switch character.byte {
      case 0x20, 0x09, UInt8(ascii: "="), UInt8(ascii: ">"), UInt8(ascii: "["): escapes = 0
      case UInt8(ascii: "\\"): escapes += 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
        return (character.end, Quote(byte: character.byte, level: character.level, escapes: escapes))
      case UInt8(ascii: "N"), UInt8(ascii: "E"), UInt8(ascii: "b"), UInt8(ascii: "r"), UInt8(ascii: "u"):
        // `N'pw'` and `E'pw'` of SQL, `b'pw'` of Python.
        guard character.end < bytes.count,
          bytes[character.end] == UInt8(ascii: "'") || bytes[character.end] == UInt8(ascii: "\"")
        else { return (position, nil) }
      default: return (position, nil)
      }
      position = character.end
    }
    return (position, nil)
  }

  /// Where a value without quotation marks ends.
  private mutating func plainEnd(from start: Int, of pair: Pair) -> Int {
    var position = start
    defer { looked += position - start }
    var blank: Int?
    let isMember = pair.sign == UInt8(ascii: ":")
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      if character.level <= pair.level {
        switch character.byte {
        case UInt8(ascii: "'") where pair.isParameter && isWithinWord(character.end): break
        case UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"), UInt8(ascii: "<"), 0x0A, 0x0D:
          return blank ?? position
        case UInt8(ascii: "#") where pair.isParameter: return blank ?? position
        case UInt8(ascii: "\\") where !pair.isParameter:
          // An escaped blank or semicolon.
          if character.end < bytes.count, bytes[character.end] == 0x20 || bytes[character.end] == UInt8(ascii: ";") {
            position = character.end + 1
            continue
          }
        case UInt8(ascii: ";") where !pair.isParameter:
          // Two are one that is a part of the value.
          let next = character.end < bytes.count ? EncodedCharacter(bytes, character.end) : character
          if character.end < bytes.count, next.byte == character.byte, next.level == character.level {
            position = next.end
            continue
          }
          // Until here it is one field of a connection string, blanks included.
          return position
        case UInt8(ascii: "}"), UInt8(ascii: ")"), UInt8(ascii: "]"):
          if isMember { return blank ?? position }
        case UInt8(ascii: "="):
          // The next key, if a blank came before.
          if let blank { return blank }
        case UInt8(ascii: ",") where !pair.isParameter:
          let next = position + 1
          if blank == nil, isMember || next == bytes.count || bytes[next] == 0x20 { return position }
        case 0x00...0x20:
          if isScheme(start..<position) { break }
          if pair.isParameter { return position }
          if blank == nil { blank = position }
        default: break
        }
      }
      // A connection string's field with blanks has its semicolon soon.
      if let blank, position - blank > Self.lookahead { return blank }
      position = character.end
    }
    return pair.before == UInt8(ascii: ";") ? position : blank ?? position
  }

  /// Whether a value begins with the name of a scheme, so that the credentials come after the blank.
  private func isScheme(_ range: Range<Int>) -> Bool {
    let schemes: [StaticString] = ["bearer", "basic", "token", "digest", "negotiate", "apikey", "aws4-hmac-sha256"]
    return schemes.contains { $0.utf8CodeUnitCount == range.count && hasPrefix($0, at: range.lowerBound) }
  }

  /// Whether a quotation mark in the line of a header begins the value of a field, and does not end the line.
  private func opensField(_ position: Int, after start: Int) -> Bool {
    var before = position - 1
    while before > start, position - before <= 8, bytes[before] == UInt8(ascii: "\\") { before -= 1 }
    guard before > start, bytes[before] == UInt8(ascii: "="), classes.has(bytes[before - 1], ByteClass.word),
      position + 1 < bytes.count
    else { return false }
    // Otherwise it is the padding of base64 that the sign is of.
    return classes.has(bytes[position + 1], ByteClass.word | ByteClass.base64)
  }

  /// Whether a mark before this position stands within a word: `it's`.
  private func isWithinWord(_ position: Int) -> Bool {
    position < bytes.count
      && (classes.has(bytes[position], ByteClass.word) || bytes[position] == UInt8(ascii: "%"))
  }

  /// Where a header ends.
  private mutating func lineEnd(from start: Int, level: Int) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\"") where opensField(position, after: start):
        // `username="ada", response="…"`: the line goes on behind the mark that closes the field.
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\""), bytes[position] != 0x0A { position += 1 }
        if position < bytes.count { position += 1 }
      case 0x0A, 0x0D, UInt8(ascii: "\""), UInt8(ascii: "'"): return position
      case UInt8(ascii: "\\") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "n"):
        return position
      // A header within a parameter.
      case UInt8(ascii: "&") where level > 0: return position
      default: position += 1
      }
    }
    return position
  }

  /// Where a word ends that blanks, commas, semicolons or quotation marks end.
  private mutating func wordEnd(from start: Int) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count, position - start < Self.lookahead {
      switch bytes[position] {
      case 0x00...0x20, UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ")"),
        UInt8(ascii: "}"), UInt8(ascii: "&"):
        return position
      default: position += 1
      }
    }
    return position
  }

  /// Where a run of characters ends of which tokens consist.
  private mutating func tokenRunEnd(from start: Int) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      guard classes.has(character.byte, ByteClass.base64 | ByteClass.word) else { break }
      position = character.end
    }
    return position
  }
}
