/// Percent-encoding of paths and queries.
package enum PercentCoding {
  /// Decodes text; nil if an escape is invalid or the bytes are not UTF-8.
  package static func decode(_ text: Substring, plusIsSpace: Bool = false) -> String? {
    guard needsDecoding(text) else { return String(text) }
    return bytes(of: text, plusIsSpace: plusIsSpace, isLenient: false).flatMap { String(validating: $0, as: UTF8.self) }
  }

  /// Decodes text. Invalid escapes stay as they are; bytes that are not UTF-8 become replacement characters.
  package static func decodeLeniently(_ text: Substring, plusIsSpace: Bool = false) -> String {
    guard needsDecoding(text), let bytes = bytes(of: text, plusIsSpace: plusIsSpace, isLenient: true) else {
      return String(text)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Encodes a name or a value of a query.
  package static func encode(_ text: String, space: String = "+") -> String { encode(text, keeping: "", space: space) }

  /// Encodes a path. Slashes and other valid characters stay as they are.
  package static func encode(path: some StringProtocol) -> String {
    encode(path, keeping: "/$&+,:;=@", space: "%20")
  }

  private static func needsDecoding(_ text: Substring) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
  }

  private static func bytes(of text: Substring, plusIsSpace: Bool, isLenient: Bool) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte == UInt8(ascii: "+") && plusIsSpace ? UInt8(ascii: " ") : byte)
        continue
      }
      if let high = rest.first.flatMap(digit), let low = rest.dropFirst().first.flatMap(digit) {
        bytes.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else if isLenient {
        bytes.append(byte)
      } else {
        return nil
      }
    }
    return bytes
  }

  private static func encode(_ text: some StringProtocol, keeping others: String, space: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      case _ where others.utf8.contains(byte): result.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: " "): result += space
      default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
