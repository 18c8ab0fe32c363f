import Foundation
import JSONText
import Testing

@Suite struct JSONWriterTests {
  private func write(_ layout: JSONWriter.Layout = .compact, _ body: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter(layout: layout)
    body(&json)
    return json.text
  }

  private func writeExample(_ json: inout JSONWriter) {
    json.beginObject()
    json.key("a")
    json.beginArray()
    json.number(-1)
    json.bool(true)
    json.null()
    json.endArray()
    json.key("empty")
    json.beginObject()
    json.endObject()
    json.key("text")
    json.string("b")
    json.endObject()
  }

  @Test func commasAndColonsStandWhereTheyBelong() {
    #expect(write { writeExample(&$0) } == #"{"a":[-1,true,null],"empty":{},"text":"b"}"#)
  }

  @Test func anIndentedTextHasALineForEachValue() {
    let expected = """
      {
        "a": [
          -1,
          true,
          null
        ],
        "empty": {},
        "text": "b"
      }
      """
    #expect(write(.indented(2)) { writeExample(&$0) } == expected)
  }

  @Test(
    "escapes",
    arguments: [
      ("", ""), ("plain \u{7f} é 😀", "plain \u{7f} é 😀"), ("\"\\/", #"\"\\/"#),
      ("\n\r\t\u{0}\u{1f}", #"\n\r\t\u0000\u001f"#),
      ("a\u{2028}b\u{2029}", #"a\u2028b\u2029"#), ("\u{2027}\u{202a}€\u{2128}", "\u{2027}\u{202a}€\u{2128}"),
    ])
  func escapes(text: String, expected: String) throws {
    let json = write { $0.string(text) }
    #expect(json == "\"\(expected)\"")
    #expect(try JSONDecoder().decode(String.self, from: Data(json.utf8)) == text)
  }

  @Test func textsThatDoNotLieInOnePieceAreWritten() {
    let bridged = NSString(string: "a\"é").appending("\n") as String
    #expect(write { $0.string(bridged) } == #""a\"é\n""#)
  }

  @Test func everyCharacterHasAnEscape() {
    #expect(JSONWriter.escape("\n") == #"\u000a"# && JSONWriter.escape("é") == #"\u00e9"#)
    #expect(JSONWriter.escape("\u{e0001}") == #"\udb40\udc01"#)
  }

  @Test func numbersAreWhatJSONAllows() {
    let text = write { json in
      json.beginArray()
      for value in [1.5, -0.25, .nan, .infinity] { json.decimal(value) }
      for value in [0, 0.25, 0.00004, 1, 2, -1] { json.fraction(value) }
      json.number(UInt64.max)
      json.endArray()
    }
    #expect(text == "[1.5,-0.25,0.0,0.0,0.0000,0.2500,0.0000,1.0,1.0,0.0000,18446744073709551615]")
  }

  @Test func whatWasWrittenAfterAMarkCanBeRemoved() {
    let text = write { json in
      json.beginArray()
      let start = json.mark
      json.string("gone")
      json.remove(after: start)
      json.literal("1")
      let end = json.mark
      json.raw(Array("[2]".utf8))
      json.remove(after: end)
      json.strings(["x", "y"])
      json.endArray()
    }
    #expect(text == #"[1,["x","y"]]"#)
  }
}
