/// What was read of a statement of SQL that gives somebody a password.
struct SecretStatement {
  /// Whether `CREATE`, `ALTER` or `GRANT` came.
  var isDefinition = false
  /// Where the last `IDENTIFIED` ends.
  var identifiedEnd: Int?
}

/// Passwords in SQL: `IDENTIFIED BY 'pw'`, `WITH PASSWORD 'pw'`, `PASSWORD('pw')`.
extension SecretScan {
  /// How far the password may be from `IDENTIFIED`, the name of a plugin between them.
  private static let nearby = 64

  /// Takes notice of a word of SQL.
  mutating func readStatement(_ lead: LeadWord) {
    switch lead {
    case .definition: statement.isDefinition = true
    case .identified where statement.isDefinition: statement.identifiedEnd = word.upperBound
    case .by:
      guard let end = statement.identifiedEnd else { return }
      guard word.lowerBound - end <= Self.nearby else { return statement.identifiedEnd = nil }
      hideLiteral(isCertain: true)
    case .password where keys.verdict(ofPair: text(word)) == .secret: hideLiteral(isCertain: false)
    default: break
    }
  }

  /// Hides the next literal.
  ///
  /// - Parameter isCertain: whether a password follows for sure, so that it may be without quotation marks, as in Oracle's SQL.
  private mutating func hideLiteral(isCertain: Bool) {
    guard index < bytes.count else { return }
    var isOpen = false
    if bytes[index] == UInt8(ascii: "(") {
      isOpen = true
      index += 1
    } else if bytes[index] != 0x20, bytes[index] != 0x0A, bytes[index] != 0x09 {
      return
    }
    var (start, quote) = valueStart()
    if isCertain, quote == nil, hasPrefix("values ", at: start) {
      index = start + 7
      (start, quote) = valueStart()
    }
    guard start < bytes.count else { return }
    let pair = Pair(key: word, isQuoted: false, before: 0x20, sign: UInt8(ascii: ":"), level: 0)
    let range: Range<Int>
    if let quote {
      // A quotation mark behind the word is the end of a text in JSON, if it is double.
      guard quote.byte == UInt8(ascii: "'") || statement.isDefinition else { return }
      range = start..<quotedEnd(from: start, quote)
    } else {
      guard isCertain, !isOpen, !hasPrefix("password", at: start), !hasPrefix("random", at: start) else { return }
      var end = start
      while end < bytes.count, bytes[end] > 0x20, !",;)'\"`".utf8.contains(bytes[end]) { end += 1 }
      looked += end - start
      range = start..<end
    }
    guard !range.isEmpty, !isConstant(range, of: pair) else { return }
    hide(range, .parameter, key: word)
  }
}
