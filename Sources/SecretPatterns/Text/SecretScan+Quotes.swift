/// Values in quotation marks, and objects and lists.
extension SecretScan {
  /// A value that begins behind a quotation mark.
  mutating func quotedRange(from start: Int, _ quote: Quote) -> Range<Int> {
    // `""pw""`, as in a field of CSV.
    let next = start + 1
    if start < bytes.count, bytes[start] == quote.byte, quote.level == 0, next < bytes.count,
      classes.has(bytes[next], ByteClass.word | ByteClass.base64)
    {
      let end = quotedEnd(from: next, quote, isDoubled: false)
      return next..<end
    }
    let end = quotedEnd(from: start, quote)
    return start..<end
  }

  /// Where a value in quotation marks ends.
  ///
  /// - Parameter isDoubled: whether two marks within the value stand for one, as in SQL.
  mutating func quotedEnd(from start: Int, _ quote: Quote, isDoubled: Bool = true) -> Int {
    var (position, escapes) = (start, 0)
    defer { looked += position - start }
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      if character.byte == quote.byte, character.level <= quote.level, escapes <= quote.escapes {
        guard isDoubled, quote.escapes == 0, escapes == 0, position > start, character.end < bytes.count else {
          return position - escapes
        }
        let next = EncodedCharacter(bytes, character.end)
        guard next.byte == quote.byte, next.level == character.level else { return position }
        position = next.end
        continue
      }
      escapes = character.byte == UInt8(ascii: "\\") && character.level == 0 ? escapes + 1 : 0
      position = character.end
    }
    return position
  }

  /// What is in an object or a list that is the value of a pair: the whole object, or all between the brackets of a list; nil if the
  /// value is none.
  mutating func containerContent(of pair: Pair) -> (range: Range<Int>, isMember: Bool)? {
    var start = index
    var first = EncodedCharacter(bytes, start)
    while [0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ">")].contains(first.byte), first.end < bytes.count {
      start = first.end
      first = EncodedCharacter(bytes, start)
    }
    looked += start - index
    guard first.level <= pair.level, first.byte == UInt8(ascii: "{") || first.byte == UInt8(ascii: "[") else {
      return nil
    }
    guard let end = containerEnd(from: start, of: pair) else { return nil }
    let content = text(first.end..<end.content)
    if first.byte == UInt8(ascii: "{") {
      return content.contains { $0 > 0x20 } ? (start..<end.position, pair.isQuoted) : nil
    }
    // A single text in a list is hidden without its quotation marks.
    return content.contains { ",{[%".utf8.contains($0) } ? (first.end..<end.content, pair.isQuoted) : nil
  }

  /// Where an object or a list ends, and what is in it. One that is a member in JSON goes on to the end of the text if its end is
  /// missing; others are none then.
  private mutating func containerEnd(from start: Int, of pair: Pair) -> (content: Int, position: Int)? {
    var (position, depth, escapes) = (start, 0, 0)
    defer { looked += position - start }
    while position < bytes.count {
      if !pair.isQuoted, position - start > Self.lookahead { return nil }
      let character = EncodedCharacter(bytes, position)
      var end = character.end
      if character.level <= pair.level {
        switch character.byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          depth -= 1
          if depth == 0 { return (position, end) }
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
          guard pair.isQuoted else { break }
          let quote = Quote(byte: character.byte, level: character.level, escapes: escapes)
          end = quotedEnd(from: end, quote, isDoubled: false)
          while end < bytes.count, bytes[end] == UInt8(ascii: "\\") { end += 1 }
          if end < bytes.count { end = EncodedCharacter(bytes, end).end }
        default: break
        }
      }
      escapes = character.byte == UInt8(ascii: "\\") && character.level == 0 ? escapes + 1 : 0
      position = end
    }
    return pair.isQuoted ? (position, position) : nil
  }
}
