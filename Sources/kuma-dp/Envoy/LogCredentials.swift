/// Takes credentials out of lines of Envoy's log. With the levels debug and trace Envoy writes the headers of requests, among them
/// the proxy's token and the token for spans.
enum LogCredentials {
  private static let mask = Array("***".utf8)

  /// Headers that carry credentials.
  private static let headers = ["authorization", "cookie"].map { Array($0.utf8) }

  /// What stands between the name of a header and its value, and what ends the value; none for the end of the line.
  /// Source: Envoy 1.40, its header maps, its HTTP/1 codec, and messages as text and JSON.
  private static let forms: [(separator: [UInt8], end: UInt8?)] = [
    (Array("', '".utf8), UInt8(ascii: "'")), (Array(" value=".utf8), nil),
    (Array("\" value: \"".utf8), UInt8(ascii: "\"")),
    (Array("\",\"value\":\"".utf8), UInt8(ascii: "\"")), (Array("\", \"value\": \"".utf8), UInt8(ascii: "\"")),
  ]

  /// How tokens begin, and what of it may be seen: JSON web tokens, and others behind the name of their scheme.
  private static let beginnings: [(text: [UInt8], shown: Int)] = [
    (Array("eyJ".utf8), 0), (Array("Bearer ".utf8), 7), (Array("bearer ".utf8), 7), (Array("Basic ".utf8), 6),
  ]
  /// Shorter texts are no tokens.
  private static let shortestToken = 16

  /// A line with masks in the places of credentials.
  static func masked(_ line: String) -> String {
    let bytes = Array(line.utf8)
    var result: [UInt8] = []
    var (index, kept) = (0, 0)
    while index < bytes.count {
      guard let secret = secret(in: bytes, at: index) else {
        index += 1
        continue
      }
      result += bytes[kept..<secret.lowerBound]
      result += mask
      kept = secret.upperBound
      index = max(secret.upperBound, index + 1)
    }
    guard !result.isEmpty else { return line }
    return String(decoding: result + bytes[kept...], as: UTF8.self)
  }

  /// The place of the credential whose header, scheme or own text begins at an index.
  private static func secret(in line: [UInt8], at index: Int) -> Range<Int>? {
    switch line[index] {
    case UInt8(ascii: "a"), UInt8(ascii: "A"), UInt8(ascii: "c"), UInt8(ascii: "C"):
      guard let name = headers.first(where: { isEqual(line, index, $0, ignoresCase: true) }) else { return nil }
      let behind = index + name.count
      guard let form = forms.first(where: { isEqual(line, behind, $0.separator) }) else { return nil }
      let begin = behind + form.separator.count
      let end = form.end.flatMap { end in
        // A header map has each header on a line of its own, and its values may hold single quotes.
        end == UInt8(ascii: "'") ? line[begin...].lastIndex(of: end) : line[begin...].firstIndex(of: end)
      }
      return begin..<(end ?? line.count)
    case UInt8(ascii: "e"), UInt8(ascii: "B"), UInt8(ascii: "b"):
      guard let beginning = beginnings.first(where: { isEqual(line, index, $0.text) }) else { return nil }
      let begin = index + beginning.shown
      let end = line[begin...].firstIndex { !isTokenByte($0) } ?? line.count
      return end - begin >= shortestToken ? begin..<end : nil
    default: return nil
    }
  }

  private static func isEqual(_ line: [UInt8], _ index: Int, _ text: [UInt8], ignoresCase: Bool = false) -> Bool {
    guard index + text.count <= line.count else { return false }
    return zip(line[index...], text).allSatisfy { $0 == $1 || ignoresCase && $0 | 0x20 == $1 }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-_.~+/=".utf8.contains(byte)
    }
  }
}
