/// Values that are none, and values in lists.
extension SecretScan {
  /// Whether a value can be no secret: `true`, `none`, `-`, a placeholder such as `$1`, and beside URLs a single character.
  func isConstant(_ range: Range<Int>, of pair: Pair) -> Bool {
    let start = range.lowerBound
    if !pair.isParameter, SecretKeys.isCount(text(range)), keys.verdict(ofPair: text(pair.key)) == .counted {
      return true
    }
    switch (range.count, bytes[start]) {
    case (1, UInt8(ascii: "-")), (1, UInt8(ascii: "?")): return true
    case (1, _): return !(pair.isParameter || pair.before == 0 && pair.sign == UInt8(ascii: "="))
    case (2, UInt8(ascii: "%")): return !classes.has(bytes[start + 1], ByteClass.hexadecimal)
    case (3, _) where hasPrefix("nil", at: start): return true
    case (4, _) where ["true", "null", "none"].contains { hasPrefix($0, at: start) }: return true
    case (5, _) where hasPrefix("false", at: start): return true
    case (9, _) where hasPrefix("undefined", at: start): return true
    default: return range.count <= 64 && isPlaceholder(range)
    }
  }

  /// Whether a value stands for another: `$1`, `${PASSWORD}`, `[FILTERED]`, and in SQL `:password` and `@p1`.
  private func isPlaceholder(_ range: Range<Int>) -> Bool {
    let (start, rest) = (range.lowerBound, text(range).dropFirst())
    switch bytes[start] {
    case UInt8(ascii: "$"):
      if bytes[start + 1] == UInt8(ascii: "{") { return rest.firstIndex(of: UInt8(ascii: "}")) == rest.endIndex - 1 }
      return rest.count <= 3 && rest.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    case UInt8(ascii: ":"), UInt8(ascii: "@"):
      return isStatement && rest.allSatisfy { classes.has($0, ByteClass.alphanumeric) || $0 == UInt8(ascii: "_") }
    default:
      guard start > 0, bytes[start - 1] == UInt8(ascii: "[") else { return false }
      let count = bytes[range.upperBound - 1] == UInt8(ascii: "]") ? range.count - 1 : range.count
      return count == 8 && (hasPrefix("filtered", at: start) || hasPrefix("redacted", at: start))
        || count == 6 && (hasPrefix("hidden", at: start) || hasPrefix("masked", at: start))
    }
  }

  /// Whether the text is one of SQL.
  private var isStatement: Bool {
    ["select ", "update ", "insert ", "delete ", "where ", "with ", "merge ", "alter ", "create ", "grant ", "set "]
      .contains { hasPrefix($0, at: 0) }
  }

  /// Where a value in braces ends, as in ODBC's `Password={a;b}`, in which `}}` stands for a brace; nil if it is none.
  mutating func bracedEnd(from start: Int) -> Int? {
    guard bytes[start] == UInt8(ascii: "{") else { return nil }
    var position = start + 1
    defer { looked += position - start }
    while position < bytes.count, position - start < Self.lookahead {
      if bytes[position] == UInt8(ascii: "}") {
        guard position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "}") else { return position + 1 }
        position += 1
      }
      position += 1
    }
    return nil
  }

  // MARK: Lists

  /// Where the subscript of a parameter ends: `]` or `0]`. The next character is the one after `[`.
  func subscriptEnd() -> Int? {
    var position = index
    for _ in 0..<5 where position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      position = character.end
      if character.byte == UInt8(ascii: "]") { return position }
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(character.byte) else { return nil }
    }
    return nil
  }

  /// What a name in `{"name":"authorization","value":"…"}` says about the value, which it is the key of from now on.
  mutating func verdictOfNamed(_ pair: inout Pair) -> SecretKeys.Verdict? {
    let key = pair.key
    func isKey(_ wanted: StaticString) -> Bool {
      key.count == wanted.utf8CodeUnitCount && hasPrefix(wanted, at: key.lowerBound)
    }
    if isKey("value"), let named {
      self.named = nil
      pair.key = named
      return .secret
    }
    guard isKey("name") || isKey("key") || isKey("header") else { return nil }
    named = nil
    let (start, quote) = valueStart()
    guard let quote, start < bytes.count else { return nil }
    var end = start
    while end < bytes.count, end - start < 64, classes.has(bytes[end], ByteClass.word) { end += 1 }
    looked += end - start
    guard end > start, end < bytes.count, bytes[end] == quote.byte || bytes[end] == UInt8(ascii: "\\"),
      keys.verdict(ofPair: text(start..<end)).isSecret
    else { return nil }
    named = start..<end
    return nil
  }

  /// Hides the second element of `["authorization","…"]`. The next character is the one after the comma.
  mutating func hideElement(after key: Range<Int>) {
    guard key.count <= 64, keys.isHeader(text(key)), keys.verdict(ofPair: text(key)) == .secret else { return }
    let (start, quote) = valueStart()
    guard let quote, start < bytes.count else { return }
    let end = quotedEnd(from: start, quote)
    var next = end
    while next < bytes.count, next - end <= 8, bytes[next] == UInt8(ascii: "\\") || bytes[next] == quote.byte {
      next += 1
    }
    guard next < bytes.count, bytes[next] == UInt8(ascii: "]") || bytes[next] == UInt8(ascii: ")") else { return }
    hide(start..<end, .parameter, key: key)
  }
}
