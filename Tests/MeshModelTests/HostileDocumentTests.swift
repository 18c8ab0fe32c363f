import MeshTestSupport
import Testing

@testable import Documents
@testable import MeshModel

/// Hostile text from outside: each has to be an error after a bounded number of steps, and must not stop the program.
@Suite(.heavy) struct HostileDocumentTests {
  private func expectError(
    _ code: DocumentError.Code?, sourceLocation: SourceLocation = #_sourceLocation,
    _ read: () throws(DocumentError) -> Void
  ) {
    do throws(DocumentError) {
      try read()
      Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch {
      if let code { #expect(error.code == code, "\(error)", sourceLocation: sourceLocation) }
      #expect(!error.message.isEmpty, sourceLocation: sourceLocation)
    }
  }

  /// Reads a text that is refused.
  ///
  /// - Returns: how many steps of the text were taken before that, and why.
  private func refusal(of text: String) throws -> (events: Int, error: DocumentError) {
    var composer = try YAMLComposer(text)
    do throws(DocumentError) {
      while try composer.nextDocument() != nil {}
    } catch {
      return (composer.events, error)
    }
    Issue.record("nothing was thrown")
    return (0, DocumentError(code: .syntax, message: ""))
  }

  static let nests: [(name: String, text: String)] = [
    ("open lists", String(repeating: "[", count: 100_000)),
    ("open objects", String(repeating: #"{"a":"#, count: 100_000)),
    ("closed lists", String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)),
    (
      "closed objects",
      String(repeating: #"{"a":"#, count: 50_000) + "1" + String(repeating: "}", count: 50_000)
    ),
    ("a little too deep", String(repeating: "[", count: 102) + String(repeating: "]", count: 102)),
    ("deep, but not for the parser", String(repeating: "[", count: 900) + String(repeating: "]", count: 900)),
  ]

  @Test("nests in JSON", arguments: nests)
  func deepJSON(_ name: String, _ text: String) {
    expectError(.tooLarge) { () throws(DocumentError) in _ = try DocumentValue(json: text.utf8) }
  }

  @Test("nests in YAML", arguments: nests)
  func deepYAML(_ name: String, _ text: String) throws {
    let (events, error) = try refusal(of: text)
    #expect(error.code == .tooLarge, "\(error)")
    #expect(events <= 2 * DocumentValue.depthLimit + 10)
  }

  static let nestsOfYAML: [(name: String, text: String)] = [
    ("lists in lists", String(repeating: "- ", count: 100_000) + "a"),
    ("indented objects", (0..<2000).map { String(repeating: " ", count: $0) + "a:\n" }.joined()),
    ("lists and objects in turn", String(repeating: "[{a: ", count: 50_000)),
    ("documents before it", String(repeating: "a\n---\n", count: 10) + String(repeating: "- ", count: 200) + "a"),
  ]

  @Test("nests of YAML's own end at the bound, and not at the end of the text", arguments: nestsOfYAML)
  func deepYAMLOnly(_ name: String, _ text: String) throws {
    let (events, error) = try refusal(of: text)
    #expect(error.code == .tooLarge, "\(error)")
    #expect(events <= 3 * DocumentValue.depthLimit + 50)
  }

  @Test(
    "a key that is no text is refused where it begins",
    arguments: [
      ("? [a, b]\n: c\n", 1, 3), ("x: y\n? {a: b}\n: c\n", 2, 3), ("{[a]: b}", 1, 2), ("a: &k [b]\n*k : c\n", 2, 1),
      ("? - a\n: b\n", 1, 3),
    ])
  func keys(_ text: String, _ line: Int, _ column: Int) throws {
    let (events, error) = try refusal(of: text)
    #expect([error.line, error.column] == [line, column])
    #expect(error.message == "a key has to be text")
    // The stream, the document, the object and what stands before the key.
    #expect(events <= 10)
  }

  @Test func theCostOfATextGrowsWithItsLength() throws {
    // Half as much text, half as many steps: nothing is looked at twice.
    for piece in ["- a\n", "- {a: b, c: [d]}\n", "- \"\u{e9}\"\n", "- a\n---\n- b\n---\n"] {
      var counts: [Int] = []
      for count in [1000, 2000] {
        var composer = try YAMLComposer(String(repeating: piece, count: count))
        while try composer.nextDocument() != nil {}
        counts.append(composer.events)
      }
      #expect(counts[1] <= 2 * counts[0])
    }
  }

  @Test func manyValuesWithinManyBracketsAreRefused() throws {
    let (open, close) = (String(repeating: "[", count: 90), String(repeating: "]", count: 90))
    let (events, error) = try refusal(of: open + String(repeating: "1,", count: 60_000) + "1" + close)
    #expect(error.code == .tooLarge)
    // Eight levels for each of 120,000 bytes, and 10,000 more.
    #expect(events * 90 <= 8 * 121_000 + 20_000)
    // Fewer of them are read, and as many in less.
    let fewer = open + String(repeating: "1,", count: 50) + "1" + close
    #expect(try DocumentValue.yamlDocuments(fewer).count == 1)
    #expect(try DocumentValue.yamlDocuments("[[" + String(repeating: "1,", count: 60_000) + "1]]").count == 1)
  }

  @Test func directivesAreCountedBeforeTheTextIsRead() throws {
    for end in ["\n", "\r\n", "\u{85}", "\u{2028}"] {
      let lines = (0..<40).map { "%TAG !t\($0)! tag:example.org,2026:" }.joined(separator: end)
      expectError(.tooLarge) { () throws(DocumentError) in
        _ = try DocumentValue.yamlDocuments(lines + end + "--- a" + end)
      }
    }
    let few = "%YAML 1.2\n%TAG !t! tag:example.org,2026:\n--- !t!x a\n"
    #expect(try DocumentValue.yamlDocuments(few) == ["a"])
  }

  @Test func deepButAllowedIsRead() throws {
    let text = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    let value = try DocumentValue(json: text.utf8)
    #expect(value.json() == text)
    #expect(try DocumentValue.yamlDocuments(text) == [value])
  }

  private static func laughs(_ levels: Int, _ width: Int, last: String) -> String {
    var text = "l0: &l0 [a, a]\n"
    for level in 1...levels {
      let items = Array(repeating: "*l\(level - 1)", count: width).joined(separator: ", ")
      text += "l\(level): &l\(level) [\(items)]\n"
    }
    return text + last
  }

  static let bombs: [(name: String, text: String)] = [
    ("billion laughs", laughs(9, 9, last: "")),
    ("doubled forty times", laughs(40, 2, last: "")),
    ("as a key", laughs(9, 9, last: "? *l9\n: 1\n")),
    ("over many documents", String(repeating: "a: &a [b, b, b, b, b, b, b, b]\nc: [*a, *a, *a]\n---\n", count: 2000)),
    (
      "long text",
      "a: &a \"" + String(repeating: "b", count: 50_000) + "\"\nc: [" + String(repeating: "*a,", count: 50) + "]"
    ),
    ("many names", "a: [" + (0..<2000).map { "&a\($0) b," }.joined() + "]"),
    ("one anchor, many aliases", "a: &a {b: 1}\nc: [" + String(repeating: "*a,", count: 100_000) + "]"),
  ]

  @Test("aliases that stand for too much", arguments: bombs)
  func aliasBombs(_ name: String, _ text: String) {
    expectError(.tooLarge) { () throws(DocumentError) in _ = try DocumentValue.yamlDocuments(text) }
  }

  @Test func aliasesInMeasureAreRead() throws {
    let text = "tags: &t {a: b}\nlist: [*t, *t]\nmore: {<<: *t, c: d}\n"
    let value = try #require(try DocumentValue.yamlDocuments(text).first)
    #expect(value["list"] == [["a": "b"], ["a": "b"]])
    #expect(value["more"] == ["c": "d", "a": "b"])
    #expect(try DocumentValue.yamlDocuments("x: {<<: [{a: 1, b: 1}, {a: 2}], b: 3}")[0]["x"] == ["b": 3, "a": 1])
    expectError(.syntax) { () throws(DocumentError) in _ = try DocumentValue.yamlDocuments("{<<: 1}") }
    expectError(.syntax) { () throws(DocumentError) in _ = try DocumentValue.yamlDocuments("a: *none") }
    expectError(nil) { () throws(DocumentError) in _ = try DocumentValue.yamlDocuments("a: &a [*a]") }
  }

  @Test func depthIsCountedThroughAliases() throws {
    let levels = (1...120).map { "- &l\($0) [*l\($0 - 1)]\n" }.joined()
    expectError(.tooLarge) { () throws(DocumentError) in _ = try DocumentValue.yamlDocuments("- &l0 a\n" + levels) }
    let fewer = (1...90).map { "- &l\($0) [*l\($0 - 1)]\n" }.joined()
    #expect(try DocumentValue.yamlDocuments("- &l0 a\n" + fewer).first?.array?.count == 91)
  }

  @Test func aManyTimesTooLongDocumentIsAnError() throws {
    let (events, error) = try refusal(of: "[" + String(repeating: "1,", count: 300_000) + "1]")
    #expect(error.code == .tooLarge)
    #expect(events <= YAMLBounds().size + 10)
  }

  @Test(
    "numbers that are none", arguments: [".nan", ".inf", "-.inf", "1e400", String(repeating: "9", count: 100_000)])
  func numbersInYAML(_ number: String) throws {
    let text = "{type: Mesh, name: m, tracing: {backends: [{name: a, type: zipkin, sampling: \(number)}]}}"
    expectError(nil) { () throws(DocumentError) in _ = try ResourceDocument.all(in: text) }
  }

  @Test(
    "numbers that are none, as text",
    arguments: ["nan", "+Infinity", "-inf", "1e400", "0x", "0x1p3", "+1", ".5", "", " 1", "1 ", "50%"])
  func numbersAsText(_ number: String) {
    let text = #"{"type":"Mesh","name":"m","tracing":{"backends":[{"sampling":"\#(number)"}]}}"#
    expectError(.wrongKind) { () throws(DocumentError) in
      _ = try ResourceDocument(DocumentValue(json: text.utf8))
    }
  }

  @Test(
    "text that is no JSON",
    arguments: [
      "", " ", "nul", "tru", "[1,]", "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "[1 2]", "01", "-", "1.",
      ".5",
      "1e", "1e+", "+1", "NaN", "Infinity", "1e400", "'a'", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
      "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "\"\u{0}\"", "\u{0}", "[]x", "{}{}", "\u{feff}{}",
    ])
  func badJSON(_ text: String) {
    expectError(.syntax) { () throws(DocumentError) in _ = try DocumentValue(json: text.utf8) }
  }

  @Test("bytes that are no UTF-8", arguments: [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]] as [[UInt8]])
  func badUTF8(_ bytes: [UInt8]) {
    expectError(.syntax) { () throws(DocumentError) in
      _ = try DocumentValue(json: Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8))
    }
    expectError(.syntax) { () throws(DocumentError) in _ = try DocumentValue(json: bytes) }
  }

  @Test func goodJSON() throws {
    let text =
      #" {"z":[1,-0,1.5,1e3,9223372036854775807,9223372036854775808,true,false,null],"a":"\ud83d\ude00\u0000\/é"} "#
    let value = try DocumentValue(json: text.utf8)
    #expect(value.json().hasPrefix(#"{"z":[1,0,1.5,1000,"#))
    #expect(
      value["z"] == [1, 0, .number(1.5), 1000, .integer(.max), .number(9_223_372_036_854_775_808), true, false, .null])
    #expect(value["a"] == "😀\u{0}/é")
    #expect(try DocumentValue(json: value.json().utf8) == value)
    #expect(try DocumentValue(json: Array(#"{"a":1,"a":2}"#.utf8))["a"] == 2)
  }

  static let places: [(String, Int, Int)] = [
    ("a: b\nc: [1\n", 3, 1), ("a: b\n  c: d\n", 2, 4), ("a: 1\nb: 2\na: 3\n", 3, 1), ("a: \"x\nb: 1", 2, 5),
    ("a: {b: c, ? [x] : d}\n", 1, 13), ("1: a\n\"1\": b\n", 2, 1), ("1: a\n!!int 1: b\n", 2, 1), ("a: .nan\n", 1, 4),
    ("\tb: c", 1, 1),
  ]

  @Test("YAML errors name line and column", arguments: places)
  func yamlPlaces(_ text: String, _ line: Int, _ column: Int) throws {
    let error = try #require(throws: DocumentError.self) { try DocumentValue.yamlDocuments(text) }
    #expect(error.code == .syntax)
    #expect([error.line, error.column] == [line, column], "\(error)")
    #expect(error.description.hasPrefix("line \(line), column \(column): "))
  }

  @Test func jsonErrorsNameLineAndColumn() throws {
    let error = try #require(throws: DocumentError.self) { try DocumentValue(json: Array("{\n \"é\": x}".utf8)) }
    #expect(error.description == "line 2, column 7: unexpected 'x' where a value is expected")
  }

  @Test(
    "odd YAML does not stop the program",
    arguments: [
      "\u{0}", "a: \u{0}", "a\u{0}b: 1", "%YAML 9.9\n---\na", "%TAG ! x\n---\n!y z", "!!binary x", "!<!> a", "&a", "*",
      "!!int x",
      "!!float .", "? ", ": ", "- ? : -", "\u{feff}a: 1", "--- |", "--- >9", "'", "\"\\x", "\"\\ud800\"", "@", "`",
      "a: b: c",
      "{a, b}", "{? a}", "[a: b]", "...", "...\n...", "--- ---", "a: !!null x", "~: 1", "true: 1", "0o8", "0x", "0b",
      "1:60",
      "9999999999999999999999", "-9223372036854775809", "1__", "2026-99-99", "=", "\u{2028}", "🕐: 🕐",
    ])
  func oddYAML(_ text: String) {
    for text in [text, "a: " + text, "[" + text, text + "\n---\n" + text] {
      if let values = try? DocumentValue.yamlDocuments(text) {
        for value in values {
          #expect((try? DocumentValue(json: value.json().utf8)) == value)
          _ = try? ResourceDocument(value)
          #expect((try? DocumentValue.yamlDocuments(value.yaml(sortKeys: false))) == [value])
        }
      }
    }
  }

  @Test(
    "text that looks like something else is written so that it is read as text",
    arguments: [
      "", "true", "no", "null", "~", "1", "1.5", "0x10", "1e3", "2026-01-02", "*", "&a", "- a", "a: b", "# a", "a #b",
      " a", "a ",
      "\n", "a\n", "a\n\nb", "\ta", "'", "\"", "\\", "{", "[", "!a", "%", "@", "`", "|", ">", "<<", "=", ".nan", "-",
      "?", ":",
      "é", "😀", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\r", "a\rb", "---", "...", "a\u{feff}b", "  a\n b\n", "0",
      "1_000", "1:30",
    ])
  func textIsText(_ text: String) throws {
    let value: DocumentValue = ["key": .string(text), "list": [.string(text)]]
    #expect(try DocumentValue.yamlDocuments(value.yaml()) == [value])
    #expect(try DocumentValue(json: value.json().utf8) == value)
    let key = DocumentValue.tags([text: "a"])
    #expect(try DocumentValue.yamlDocuments(key.yaml()) == [key])
  }
}
