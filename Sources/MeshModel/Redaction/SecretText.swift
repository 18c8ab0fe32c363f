import SecretPatterns

/// What is secret within a text: the user information, the keys and the fragments in URLs, and private keys in PEM.
enum SecretText {
  private static let mark = Array("://".utf8)
  private static let mask = Array(Redaction.mask.utf8)

  /// Whether a text contains a private key in PEM.
  static func isPrivateKey(_ text: String) -> Bool { text.contains("PRIVATE KEY-----") }

  /// A text in which each private key in PEM is masked. One without an end is masked to the end of the text.
  static func withoutPrivateKeys(_ text: String) -> String {
    guard isPrivateKey(text) else { return text }
    var result = ""
    var rest = text[...]
    while let begin = rest.firstRange(of: "-----BEGIN ") {
      result += rest[..<begin.lowerBound]
      let block = rest[begin.lowerBound...]
      let title = block.dropFirst("-----BEGIN ".count).prefix { $0 != "-" && !$0.isNewline }
      guard title.hasSuffix("PRIVATE KEY") else {
        result += "-----BEGIN "
        rest = rest[begin.upperBound...]
        continue
      }
      result += Redaction.mask
      let end = "-----END \(title)-----"
      rest = block.firstRange(of: end).map { block[$0.upperBound...] } ?? ""
    }
    // A key whose beginning is missing.
    return isPrivateKey(String(rest)) ? result + Redaction.mask : result + rest
  }

  /// A text in which the secrets of each URL are masked.
  ///
  /// - Parameter isValue: whether the text is the value of a field, so that a URL at its beginning goes on to its end.
  static func masked(_ text: String, isValue: Bool) -> String {
    let bytes = Array(text.utf8)
    let parts = parts(of: bytes, isValue: isValue)
    guard !parts.isEmpty else { return text }
    return replaced(bytes, parts.map { ($0.range, mask) })
  }

  /// Whether a URL in a value has a mask in the place of a secret.
  static func hasMask(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    return parts(of: bytes, isValue: true).contains { bytes[$0.range].elementsEqual(mask) }
  }

  /// A value in which masks are replaced by what stands in their places in another value, if every URL with a mask leads to the same
  /// server as there; `nil` when anything is missing there.
  static func restored(_ text: String, from stored: String) -> String? {
    let (bytes, old) = (Array(text.utf8), Array(stored.utf8))
    let known = parts(of: old, isValue: true)
    var replacements: [(range: Range<Int>, bytes: [UInt8])] = []
    for part in parts(of: bytes, isValue: true) where bytes[part.range].elementsEqual(mask) {
      let match = known.first { other in
        other.kind == part.kind && old[other.range] != mask[...]
          && old[other.server].elementsEqual(bytes[part.server]) && old[other.scheme].elementsEqual(bytes[part.scheme])
      }
      guard let match else { return nil }
      replacements.append((part.range, Array(old[match.range])))
    }
    return replaced(bytes, replacements)
  }

  private static func replaced(_ bytes: [UInt8], _ replacements: [(range: Range<Int>, bytes: [UInt8])]) -> String {
    var result: [UInt8] = []
    var index = 0
    for (range, new) in replacements {
      result += bytes[index..<range.lowerBound]
      result += new
      index = range.upperBound
    }
    result += bytes[index...]
    return String(decoding: result, as: UTF8.self)
  }

  // MARK: Parts of URLs

  /// A secret in a URL.
  private struct Part {
    enum Kind: Equatable {
      case user
      /// The value of a parameter, by its name.
      case parameter([UInt8])
      case fragment
    }

    var kind: Kind
    var range: Range<Int>
    /// Host and port of the URL.
    var server: Range<Int>
    /// The scheme of the URL.
    var scheme: Range<Int>
  }

  /// The secrets in all URLs of a text, in order.
  private static func parts(of text: [UInt8], isValue: Bool) -> [Part] {
    var parts: [Part] = []
    var index = 0
    while index + mark.count <= text.count {
      guard text[index] == mark[0], text[index..<index + mark.count].elementsEqual(mark) else {
        index += 1
        continue
      }
      var first = index
      while first > 0, isSchemeByte(text[first - 1]) { first -= 1 }
      let begin = index + mark.count
      var end = begin
      while end < text.count, isValue && first == 0 || !isDelimiter(text[end]) { end += 1 }
      add(text, scheme: first..<index, url: begin..<end, to: &parts)
      index = end
    }
    return parts
  }

  /// - Parameter url: from behind `://` to the end.
  private static func add(_ text: [UInt8], scheme: Range<Int>, url: Range<Int>, to parts: inout [Part]) {
    let slash = UInt8(ascii: "/")
    var authority =
      url.lowerBound..<(text[url].firstIndex { $0 == slash || $0 == query || $0 == hash } ?? url.upperBound)
    var at = text[authority].lastIndex(of: UInt8(ascii: "@"))
    if at == nil, hasPasswordLikePort(text[authority]), let later = text[url].lastIndex(of: UInt8(ascii: "@")) {
      // A password with a slash: no URL, but a text that somebody meant as one.
      at = later
      let rest = later..<url.upperBound
      authority =
        url.lowerBound..<(text[rest].firstIndex { $0 == slash || $0 == query || $0 == hash } ?? url.upperBound)
    }
    let server = (at.map { $0 + 1 } ?? authority.lowerBound)..<authority.upperBound
    if let at { parts.append(Part(kind: .user, range: url.lowerBound..<at, server: server, scheme: scheme)) }
    // Nothing of a fragment is sent to a server, so that whoever writes one may mean anything by it.
    let fragment = text[authority.upperBound..<url.upperBound].firstIndex(of: hash)
    defer {
      if let fragment {
        var end = url.upperBound
        // What ends a part of a sentence is not the URL's.
        while end > fragment + 1, ",.;:)".utf8.contains(text[end - 1]) { end -= 1 }
        if end > fragment + 1 {
          parts.append(Part(kind: .fragment, range: fragment + 1..<end, server: server, scheme: scheme))
        }
      }
    }
    guard var index = text[authority.upperBound..<(fragment ?? url.upperBound)].firstIndex(of: query) else { return }
    while index < url.upperBound, text[index] != hash {
      index += 1
      let end = text[index..<url.upperBound].firstIndex { $0 == and || $0 == hash } ?? url.upperBound
      if let equals = text[index..<end].firstIndex(of: UInt8(ascii: "=")), equals + 1 < end {
        // A doubtful key is secret here: the URLs are those of collectors, and what is masked by mistake is restored.
        if Array(text[index..<equals]).withUnsafeBytes({ keys.verdict(ofPair: $0) != .plain }) {
          let name = lowercased(text[index..<equals])
          parts.append(Part(kind: .parameter(name), range: equals + 1..<end, server: server, scheme: scheme))
        }
      }
      index = end
    }
  }

  private static let query = UInt8(ascii: "?")
  private static let hash = UInt8(ascii: "#")
  private static let and = UInt8(ascii: "&")

  private static let keys = SecretKeys()

  /// A name in lower case, without hyphens and underscores.
  private static func lowercased(_ name: ArraySlice<UInt8>) -> [UInt8] {
    name.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") }
      .map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
  }

  /// Whether what follows the colon of a server is not a port.
  private static func hasPasswordLikePort(_ authority: ArraySlice<UInt8>) -> Bool {
    guard authority.first != UInt8(ascii: "["), let colon = authority.firstIndex(of: UInt8(ascii: ":")) else {
      return false
    }
    return authority[(colon + 1)...].contains { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  private static func isSchemeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  /// Whether a byte ends a URL in a text. A single quote may stand in a password.
  private static func isDelimiter(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte == 0x7F || "\"<>`".utf8.contains(byte)
  }
}
