extension StringProtocol {
  /// The text as it may stand in a log or on a terminal, on one line: what would move the cursor, change the terminal, begin
  /// a new line or reorder what stands beside it is written as an escape, such as `\n` and `\u{1b}`.
  ///
  /// Escaped are control characters (of ASCII and of ISO 8859-1), the separators of lines and paragraphs, and the marks of
  /// Unicode that change the direction of text (https://www.unicode.org/reports/tr9/, table of explicit formatting
  /// characters). Everything else stays as it is, a backslash too.
  public var printable: String { printable(atMost: .max) }

  /// The text as it may stand on a terminal in several lines: line feeds and tabs stay, everything else is as in
  /// ``printable``.
  public var printableLines: String {
    unicodeScalars.reduce(into: "") { text, scalar in
      if scalar == "\n" || scalar == "\t" {
        text.unicodeScalars.append(scalar)
      } else {
        text += String(scalar).printable
      }
    }
  }

  /// The text as it may stand in a log or on a terminal, and cut where it is longer than so many Unicode scalars, with a
  /// note of how many bytes are left out.
  public func printable(atMost limit: Int) -> String {
    if utf8.count <= limit, utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return String(self) }
    var text = ""
    var count = 0
    for (index, scalar) in zip(unicodeScalars.indices, unicodeScalars) {
      guard count < limit else { return "\(text)… (\(utf8.distance(from: index, to: utf8.endIndex)) more bytes)" }
      count += 1
      switch scalar.value {
      case 0x0A: text += "\\n"
      case 0x0D: text += "\\r"
      case 0x09: text += "\\t"
      case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
        text += "\\u{\(String(scalar.value, radix: 16))}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
