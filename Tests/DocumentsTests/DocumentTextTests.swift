import Testing

@testable import Documents

@Suite("The bytes of a document")
struct DocumentTextTests {
  private static let text = "type: Mesh\nname: é😀\n"

  private static func bytes<Unit: FixedWidthInteger>(_ units: some Sequence<Unit>, _ isBigEndian: Bool) -> [UInt8] {
    units.flatMap { unit in withUnsafeBytes(of: isBigEndian ? unit.bigEndian : unit.littleEndian, Array.init) }
  }

  @Test("are read in every encoding of YAML", arguments: [true, false], [true, false])
  func encodings(_ isBigEndian: Bool, _ isMarked: Bool) throws {
    let text = (isMarked ? "\u{feff}" : "") + Self.text
    #expect(try String(documentBytes: Array(text.utf8)) == Self.text)
    #expect(try String(documentBytes: Self.bytes(text.utf16, isBigEndian)) == Self.text)
    #expect(try String(documentBytes: Self.bytes(text.unicodeScalars.map(\.value), isBigEndian)) == Self.text)
  }

  @Test("that are no text say in which encoding")
  func noText() throws {
    for (bytes, name) in [
      ([0x61, 0xff], "UTF-8"), ([0xff, 0xfe, 0x61], "UTF-16"), ([0xfe, 0xff, 0xd8, 0x00], "UTF-16"),
      ([0, 0, 0xfe, 0xff, 0, 0x11, 0, 0], "UTF-32"), ([0, 0, 0xfe, 0xff, 0], "UTF-32"),
    ] as [([UInt8], String)] {
      let error = try #require(throws: DocumentError.self) { try String(documentBytes: bytes) }
      #expect(error.message == "the text is not valid \(name); save it as UTF-8")
    }
    #expect(try String(documentBytes: []) == "")
  }

  @Test("may begin with a byte order mark, in each document")
  func marks() throws {
    let document: DocumentValue = ["a": 1, "b": 2]
    let text = "a: 1\nb: 2\n"
    for texts in [
      "\u{feff}\(text)", "\u{feff}---\n\(text)", "\u{feff}# a comment\r\n---\r\n\(text)", "\n\u{feff}\(text)",
    ] {
      #expect(try DocumentValue.yamlDocuments(texts) == [document], "\(texts)")
    }
    for texts in [
      "\u{feff}\(text)---\n\u{feff}\(text)", "\(text)\u{feff}---\n\(text)", "\(text)...\n\u{feff}---\n\(text)",
      "\(text)--- # next\n# one\n\u{feff}\(text)",
    ] {
      #expect(try DocumentValue.yamlDocuments(texts) == [document, document], "\(texts)")
    }
  }

  @Test("keep a byte order mark that is part of text")
  func marksInText() throws {
    #expect(try DocumentValue.yamlDocuments("a: |\n  b\n  \u{feff}c\n") == [["a": "b\n\u{feff}c\n"]])
    #expect(try DocumentValue.yamlDocuments("a: \"\u{feff}\"") == [["a": "\u{feff}"]])
    #expect(try DocumentValue.yamlDocuments("--- |\n \u{feff}a\n") == ["\u{feff}a\n"])
  }

  @Test("of JSON say what they are when they are not UTF-8")
  func json() throws {
    for (bytes, words) in [
      (Array("\u{feff}{}".utf8), "byte order mark"), (Self.bytes("{}".utf16, true), "not UTF-8"),
      (Self.bytes("{}".utf16, false), "not UTF-8"), (Self.bytes("\u{feff}{}".utf16, false), "not UTF-8"),
    ] {
      let error = try #require(throws: DocumentError.self) { try DocumentValue(json: bytes) }
      #expect(error.message.contains(words), "\(error)")
    }
  }
}
