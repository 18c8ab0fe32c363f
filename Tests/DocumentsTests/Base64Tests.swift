import Testing

@testable import Documents

@Suite("Base64")
struct Base64Tests {
  /// RFC 4648, section 10.
  static let vectors = [
    "": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy",
  ]

  @Test("The vectors of the RFC", arguments: vectors.sorted { $0.key < $1.key })
  func vector(plain: String, text: String) {
    #expect(Base64.encode(Array(plain.utf8)) == text)
    #expect(Base64.decode(text) == Array(plain.utf8))
    #expect(Base64.decode(text.filter { $0 != "=" }) == Array(plain.utf8))
  }

  @Test("Every byte comes back, with both alphabets and with line ends")
  func bytes() {
    for count in 0..<70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
      let text = Base64.encode(bytes)
      #expect(Base64.decode(text) == bytes)
      #expect(Base64.decode(text.replacing("+", with: "-").replacing("/", with: "_")) == bytes)
      #expect(Base64.decode(text.map { "\($0)\r\n" }.joined()) == bytes)
    }
    #expect(Base64.decode(Base64.encode(Array(0...255))) == Array(0...255))
  }

  @Test(
    "What is not base64 is refused",
    arguments: ["A", "Zg=", "Zg===", "=", "Z=g=", "Zm9v=", "Zh==", "Zm9=", "Zm 9v", "Zm9v!", "Zg==Zg==", "ZgÄ="])
  func refused(text: String) {
    #expect(Base64.decode(text) == nil)
  }
}
