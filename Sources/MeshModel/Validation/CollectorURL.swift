/// A collector's address, taken apart by the rules of Go's `url.ParseRequestURI`, which decide what Kuma accepts.
///
/// Only the scheme's `https` is meaningful; user, query and fragment are dropped. Stricter than Kuma where Envoy could
/// not use the address: a port past 65535, an empty host, a colon in it, and control characters in the decoded path are refused. An
/// absent path, which Envoy could not use either, means the one that Zipkin has.
public struct CollectorURL: Sendable, Hashable {
  /// Whether the collector is reached over TLS.
  public let isTLS: Bool
  /// The host: a name or an IP address, without brackets.
  public let host: String
  /// The port.
  public let port: UInt16
  /// The path, percent-decoded; ``zipkinPath`` where none is written.
  public let path: String
  /// Whether a path is written.
  public let hasPath: Bool
  /// Host and port as they were written: what spans are sent to in the `Host` header.
  public let authority: String

  /// Why an address is refused; the raw value is the violation's text.
  public enum Failure: String, Error, Sendable {
    /// The text is no URL.
    case invalid = "invalid URL"
    /// There is no port. There is no default for any scheme.
    case noPort = "port has to be explicitly specified"
    /// The port is past 65535 or 0, which Envoy cannot use.
    case portRange = "port must be in the range [1, 65535]"
    /// The host has a colon, as in `http://z:80:80`, and is not an IPv6 address in brackets, so that Envoy finds no such host.
    case hostWithColon = "host must not contain a colon; write one port, and an IPv6 address in brackets"
  }

  /// The path at which Zipkin, and what is compatible with it, takes spans. Source: the Zipkin API, version 2.
  public static let zipkinPath = "/api/v2/spans"

  /// Takes an address apart.
  public init(_ text: String) throws(Failure) {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw .invalid }
    let (scheme, afterScheme) = try Self.splitScheme(text)
    var rest = afterScheme
    if let query = rest.firstIndex(of: "?") { rest = rest[..<query] }
    guard rest.first == "/" else {
      // With a scheme Go takes the rest for an opaque address, which has no port.
      throw scheme.isEmpty ? .invalid : .noPort
    }
    guard !scheme.isEmpty, rest.hasPrefix("//") else {
      _ = try Self.unescape(rest)
      throw .noPort
    }
    rest = rest.dropFirst(2)
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    var authority = rest[..<slash]
    if let at = authority.lastIndex(of: "@") {
      guard authority[..<at].utf8.allSatisfy(Self.isUserInfoByte) else { throw .invalid }
      _ = try Self.unescape(authority[..<at])
      authority = authority[authority.index(after: at)...]
    }
    let path = try Self.unescape(rest[slash...])
    let (host, port) = try Self.splitPort(authority)
    guard !port.isEmpty else { throw .noPort }
    guard let number = UInt16(port), number > 0 else { throw .portRange }
    guard !host.isEmpty else { throw .invalid }
    guard authority.first == "[" || !host.contains(":") else { throw .hostWithColon }
    // Decoded, it becomes a line of the request's head: a line feed there would begin another.
    guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { throw .invalid }
    self.isTLS = scheme.lowercased() == "https"
    self.host = host
    self.port = number
    self.path = path.isEmpty ? Self.zipkinPath : path
    self.hasPath = !path.isEmpty
    self.authority = String(authority)
  }

  private static func splitScheme(_ text: String) throws(Failure) -> (String, Substring) {
    for (offset, byte) in text.utf8.enumerated() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): continue
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
        if offset == 0 { return ("", text[...]) }
      case UInt8(ascii: ":"):
        guard offset > 0 else { throw .invalid }
        let colon = text.utf8.index(text.startIndex, offsetBy: offset)
        return (String(text[..<colon]), text[text.utf8.index(after: colon)...])
      default: return ("", text[...])
      }
    }
    return ("", text[...])
  }

  private static func splitPort(_ authority: Substring) throws(Failure) -> (host: String, port: Substring) {
    let host: Substring
    let rest: Substring
    if authority.first == "[" {
      guard let close = authority.lastIndex(of: "]") else { throw .invalid }
      host = authority[authority.index(after: authority.startIndex)..<close]
      rest = authority[authority.index(after: close)...]
    } else {
      let colon = authority.lastIndex(of: ":") ?? authority.endIndex
      host = authority[..<colon]
      rest = authority[colon...]
    }
    guard rest.isEmpty || (rest.first == ":" && rest.dropFirst().utf8.allSatisfy { $0 >= 48 && $0 <= 57 }),
      host.utf8.allSatisfy(isHostByte)
    else { throw .invalid }
    return (String(host), rest.dropFirst())
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: false
    }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || byte >= 0x80 || "-_.~!$&'()*+,;=:[]<>\"".utf8.contains(byte)
  }

  private static func isUserInfoByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || "-._:~!$&'()*+,;=%@".utf8.contains(byte)
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    guard byte < 0x80, let value = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
    return UInt8(value)
  }

  private static func unescape(_ text: Substring) throws(Failure) -> String {
    guard text.contains("%") else { return String(text) }
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = iterator.next().flatMap(hexValue), let low = iterator.next().flatMap(hexValue) else {
        throw .invalid
      }
      bytes.append(high << 4 | low)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
