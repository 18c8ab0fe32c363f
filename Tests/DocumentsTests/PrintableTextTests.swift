import Documents
import Testing

@Suite("Text for logs and terminals")
struct PrintableTextTests {
  @Test(
    "what moves a cursor, ends a line or turns text around is escaped, everything else stays",
    arguments: [
      ("frontend", "frontend"), ("", ""), ("Zürich 日本 🙂 c:\\temp", "Zürich 日本 🙂 c:\\temp"),
      ("a\nb\r\tc", "a\\nb\\r\\tc"), ("a\r\nb", "a\\r\\nb"), ("\u{1B}[2J", "\\u{1b}[2J"),
      ("a\u{0}b\u{7F}", "a\\u{0}b\\u{7f}"),
      ("\u{9B}31m", "\\u{9b}31m"), ("a\u{2028}b", "a\\u{2028}b"), ("a\u{202E}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
    ])
  func escapes(_ text: String, _ expected: String) { #expect(text.printable == expected) }

  @Test("of text in several lines, line feeds and tabs stay")
  func lines() {
    #expect("a\n\tb\n".printableLines == "a\n\tb\n" && "".printableLines == "")
    #expect("a\r\nb\u{1B}]0;c\u{7}\u{9B}".printableLines == "a\\r\nb\\u{1b}]0;c\\u{7}\\u{9b}")
  }

  @Test("long text is cut, and the rest is counted")
  func limit() {
    #expect("abcdef".printable(atMost: 6) == "abcdef")
    #expect("abcdef".printable(atMost: 4) == "abcd… (2 more bytes)")
    #expect("日本語".printable(atMost: 1) == "日… (6 more bytes)")
    #expect(String(repeating: "\u{1B}", count: 100_000).printable(atMost: 10).utf8.count < 100)
  }
}
