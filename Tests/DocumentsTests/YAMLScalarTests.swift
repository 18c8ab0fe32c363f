import Testing

@testable import Documents

@Suite("Unquoted YAML scalars")
struct YAMLScalarTests {
  static let rows: [(String, YAMLScalar)] = [
    ("", .null), ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null), ("nULL", .text), ("Nullable", .text),
    ("true", .bool(true)), ("True", .bool(true)), ("FALSE", .bool(false)), ("tRUE", .text), ("trueish", .text),
    ("yes", .text), ("No", .text), ("on", .text), ("OFF", .text), ("y", .text), ("n", .text),
    ("0", .integer(0)), ("7", .integer(7)), ("-7", .integer(-7)), ("+7", .integer(7)), ("007", .integer(7)),
    ("08", .integer(8)), ("-0", .integer(0)), ("0o17", .integer(15)), ("0o8", .text), ("0o", .text), ("-0o7", .text),
    ("0x1F", .integer(31)), ("0xdeadBEEF", .integer(0xdead_beef)), ("0x", .text), ("0xg", .text), ("+0x1", .text),
    ("0b11", .text), ("1_000", .text), ("1:30", .text), ("-", .text), ("+", .text), ("+-1", .text),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .outOfRange), ("-9223372036854775809", .outOfRange),
    ("0x7fffffffffffffff", .integer(.max)), ("0x8000000000000000", .outOfRange),
    ("0o777777777777777777777", .integer(.max)), ("0o1000000000000000000000", .outOfRange),
    ("1.5", .number(1.5)), ("-1.5e3", .number(-1500)), (".5", .number(0.5)), ("5.", .number(5)), ("1e3", .number(1000)),
    ("1E-2", .number(0.01)), ("0.0", .number(0)), ("1e400", .outOfRange), ("1e", .text), ("e3", .text), (".e1", .text),
    (".", .text), ("..", .text), ("1.2.3", .text), ("127.0.0.1", .text), ("1.5x", .text), ("0x1p3", .text),
    ("2024-01-31", .text), ("2024-01-31T10:00:00Z", .text),
    (".inf", .notFinite), ("-.INF", .notFinite), ("+.Inf", .notFinite), (".nan", .notFinite), (".NaN", .notFinite),
    ("-.nan", .text), (".iNF", .text), ("inf", .text), ("nan", .text), ("NaN", .text), ("infinity", .text),
    ("<<", .text), ("=", .text), ("é", .text), ("١", .text), ("-١", .text),
  ]

  @Test("are what the core schema says", arguments: rows)
  func values(_ text: String, _ value: YAMLScalar) {
    #expect(YAMLScalar(text) == value)
  }

  @Test("are not converted beyond a length")
  func long() {
    #expect(YAMLScalar(String(repeating: "9", count: 100_000)) == .outOfRange)
    #expect(YAMLScalar("0." + String(repeating: "1", count: 100_000)) == .outOfRange)
    #expect(YAMLScalar("0x" + String(repeating: "f", count: 100_000)) == .outOfRange)
    #expect(YAMLScalar("0x" + String(repeating: "0", count: 100_000) + "1") == .integer(1))
    #expect(YAMLScalar(String(repeating: "9", count: 100_000) + "a") == .text)
  }

  @Test("that are out of range are errors with their place, wherever they stand")
  func outOfRange() throws {
    for (text, line, column) in [
      ("type: Mesh\nname: 99999999999999999999\n", 2, 7), ("99999999999999999999: a\n", 1, 1),
      ("a: [1, 1e999]\n", 1, 8), ("a: -.inf\n", 1, 4), ("a: 0x10000000000000000\n", 1, 4), ("a: !!int 1e3\n", 1, 4),
    ] {
      let error = try #require(throws: DocumentError.self) { try DocumentValue.yamlDocuments(text) }
      #expect([error.line, error.column] == [line, column], "\(error)")
      #expect(error.code == .syntax)
    }
    #expect(try DocumentValue.yamlDocuments("a: '99999999999999999999'") == [["a": "99999999999999999999"]])
  }

  @Test("keep the tag that is written")
  func written() throws {
    let text = """
      a: !!str 5
      b: !!int 5
      c: 5
      d: '5'
      <<: {e: true}
      f: !!int "0x10"
      g: !!float 2
      h: !own 5
      i: ! 5
      j: !!null ''
      k: !!bool "true"
      """
    let documents = try DocumentValue.yamlDocuments(text)
    #expect(
      documents.first?.json()
        == #"{"a":"5","b":5,"c":5,"d":"5","f":16,"g":2,"h":"5","i":"5","j":null,"k":true,"e":true}"#)
    for text in ["!!int x", "!!bool 1", "!!null 0", "!!float yes"] {
      #expect(throws: DocumentError.self) { try DocumentValue.yamlDocuments(text) }
    }
  }

  @Test(
    "that a reader of YAML 1.1 takes for something else are quoted when written",
    arguments: [
      "yes", "Off", "y", "N", "1_000", "-1_0.5", "0b11", "1:30", "190:20:30", "1:30.5", "2026-01-31",
      "2026-01-31T10:00:00Z", "0777", "0o17", "0x1F", "1e3", ".5", "~", "null", "<<", "=", "", "+.inf",
    ])
  func quoted(_ text: String) {
    #expect(DocumentValue.string(text).yaml() == "\"\(text)\"\n")
  }

  @Test(
    "that no reader takes for something else stand as they are",
    arguments: ["127.0.0.1", "1.2.3", "v1", "8080:80", "yess"])
  func unquoted(_ text: String) {
    #expect(DocumentValue.string(text).yaml() == "\(text)\n")
  }
}
