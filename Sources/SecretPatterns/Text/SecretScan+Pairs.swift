/// Keys and their values: parameters of URLs, members in JSON, headers, fields of connection strings.
extension SecretScan {
  /// How far is looked ahead for the end of a value that may turn out to be none.
  static let lookahead = 128

  /// Hides the value of a pair if its key says so. The next character is the one after the sign.
  mutating func hideValue(of pair: Pair) {
    guard pair.key.count > 1, pair.key.count <= 256, index < bytes.count else { return }
    var pair = pair
    var verdict = keys.verdict(ofPair: text(pair.key))
    if verdict != .secret, pair.key.count <= 6 { verdict = verdictOfNamed(&pair) ?? verdict }
    guard verdict == .secret || verdict == .doubtful else { return }
    let (start, quote) = valueStart()
    guard start < bytes.count else { return }
    if verdict == .doubtful {
      let end = tokenRunEnd(from: start)
      guard SecretLooks(text(start..<end)).isRandom else { return }
    }
    let range: Range<Int>
    if let quote {
      let end = quotedEnd(from: start, quote)
      range = start..<end
    } else if pair.sign == UInt8(ascii: "="), let end = bracedEnd(from: start) {
      range = start..<end
    } else if pair.sign == UInt8(ascii: "=") || pair.isQuoted {
      let end = plainEnd(from: start, of: pair)
      range = start..<end
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
    hide(range, .parameter, key: pair.key)
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
      default: return (position, nil)
      }
      position = character.end
    }
    return (position, nil)
  }

  mutating func quotedEnd(from start: Int, _ quote: Quote) -> Int {
    var (position, escapes) = (start, 0)
    defer { looked += position - start }
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      if character.byte == quote.byte, character.level <= quote.level, escapes <= quote.escapes {
        return position - escapes
      }
      escapes = character.byte == UInt8(ascii: "\\") && character.level == 0 ? escapes + 1 : 0
      position = character.end
    }
    return position
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
        case UInt8(ascii: ";") where !pair.isParameter:
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
