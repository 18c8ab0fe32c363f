/// Keys and their values: parameters of URLs, members in JSON, headers, fields of connection strings.
extension SecretScan {
  /// How far is looked ahead for the end of a value that may turn out to be none.
  static let lookahead = 128

  /// Hides the value of a pair if its key says so. The next character is the one after the sign.
  mutating func hideValue(of pair: Pair) {
    guard pair.key.count > 1, pair.key.count <= 256, index < bytes.count else { return }
    let verdict = keys.verdict(ofPair: text(pair.key))
    guard verdict == .secret || verdict == .doubtful else { return }
    let (start, quote) = valueStart()
    guard start < bytes.count else { return }
    if verdict == .doubtful, !SecretLooks(text(start..<tokenRunEnd(from: start))).isRandom { return }
    let range: Range<Int>
    if let quote {
      range = start..<quotedEnd(from: start, quote)
    } else if pair.sign == UInt8(ascii: "=") || pair.isQuoted {
      range = start..<plainEnd(from: start, of: pair)
    } else if keys.isHeader(text(pair.key)) {
      range = start..<lineEnd(from: start, level: pair.level)
    } else {
      // Prose such as `password: required` looks like this.
      let end = wordEnd(from: start)
      let isAlone = end == bytes.count || bytes[end] != 0x20 || end + 1 == bytes.count
      guard isAlone || SecretLooks(text(start..<end)).isRandom else { return }
      range = start..<end
    }
    guard !range.isEmpty, !isConstant(range) else { return }
    hide(range, .parameter, key: pair.key)
  }

  /// Whether a value can be no secret: `true`, `false`, `null`, a number of one digit.
  private func isConstant(_ range: Range<Int>) -> Bool {
    switch range.count {
    case 1: return true
    case 3: return hasPrefix("nil", at: range.lowerBound)
    case 4: return hasPrefix("true", at: range.lowerBound) || hasPrefix("null", at: range.lowerBound)
    case 5: return hasPrefix("false", at: range.lowerBound)
    default: return false
    }
  }

  /// A quotation mark that begins a value.
  private struct Quote {
    var byte: UInt8
    var level: Int
    /// How many backslashes stand before it.
    var escapes: Int
  }

  /// Where the value begins after the sign, and its quotation mark if it has one.
  private func valueStart() -> (start: Int, quote: Quote?) {
    var position = index
    var escapes = 0
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

  private func quotedEnd(from start: Int, _ quote: Quote) -> Int {
    var (position, escapes) = (start, 0)
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
  private func plainEnd(from start: Int, of pair: Pair) -> Int {
    var position = start
    var blank: Int?
    let isMember = pair.sign == UInt8(ascii: ":")
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      if character.level <= pair.level {
        switch character.byte {
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
        // A connection string's field with blanks has its semicolon soon.
        if let blank, position - blank > Self.lookahead { return blank }
      }
      position = character.end
    }
    return pair.before == UInt8(ascii: ";") ? position : blank ?? position
  }

  /// Whether a value begins with the name of a scheme, so that the credentials come after the blank.
  private func isScheme(_ range: Range<Int>) -> Bool {
    let schemes: [StaticString] = ["bearer", "basic", "token", "digest", "negotiate", "apikey", "aws4-hmac-sha256"]
    return schemes.contains { $0.utf8CodeUnitCount == range.count && hasPrefix($0, at: range.lowerBound) }
  }

  /// Where a header ends.
  private func lineEnd(from start: Int, level: Int) -> Int {
    var position = start
    while position < bytes.count {
      switch bytes[position] {
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
  private func wordEnd(from start: Int) -> Int {
    var position = start
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
  private func tokenRunEnd(from start: Int) -> Int {
    var position = start
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      guard classes.has(character.byte, ByteClass.base64 | ByteClass.word) else { break }
      position = character.end
    }
    return position
  }

  // MARK: Arguments and credentials

  /// Hides the next argument of a command, if it is as wanted.
  mutating func hideArgument(if isWanted: (UnsafeRawBufferPointer) -> Bool) {
    let key = word
    var start = index
    while start < bytes.count,
      bytes[start] <= 0x20 || bytes[start] == UInt8(ascii: "\"") || bytes[start] == UInt8(ascii: "'")
        || bytes[start] == UInt8(ascii: ",") || bytes[start] == UInt8(ascii: "\\") || bytes[start] == UInt8(ascii: "=")
    {
      start += 1
    }
    let end = argumentEnd(from: start)
    guard start > index, end > start, isWanted(text(start..<end)) else { return }
    hide(start..<end, .argument, key: key)
  }

  /// Where an argument of a command ends.
  func argumentEnd(from start: Int) -> Int {
    var position = start
    while position < bytes.count, bytes[position] > 0x20, bytes[position] != UInt8(ascii: "\""),
      bytes[position] != UInt8(ascii: "'"), bytes[position] != UInt8(ascii: "\\")
    {
      position += 1
    }
    return position
  }

  /// Hides what follows `Bearer` or `Basic`, if it looks like credentials and not like a sentence.
  mutating func hideCredentials() {
    guard index < bytes.count else { return }
    let blank = EncodedCharacter(bytes, index)
    guard blank.byte == 0x20 || blank.byte == UInt8(ascii: "+") else { return }
    var end = blank.end
    var (digits, upper, signs, letters) = (0, 0, 0, 0)
    while end < bytes.count {
      // A character may be encoded, as `=` in a URL.
      let character = EncodedCharacter(bytes, end)
      switch character.byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: "A")...UInt8(ascii: "Z"):
        letters += 1
        if end > blank.end { upper += 1 }
      case UInt8(ascii: "a")...UInt8(ascii: "z"): letters += 1
      case UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "~"): signs += 1
      case UInt8(ascii: "-"), UInt8(ascii: "."): break
      default: break
      }
      guard classes.has(character.byte, ByteClass.base64) || "=~.".utf8.contains(character.byte) else { break }
      end = character.end
    }
    guard end - blank.end >= 6, letters > 0, digits > 0 || upper > 0 || signs > 0 else { return }
    // The dot that ends a sentence.
    if bytes[end - 1] == UInt8(ascii: ".") { end -= 1 }
    hide(blank.end..<end, .token)
  }
}
