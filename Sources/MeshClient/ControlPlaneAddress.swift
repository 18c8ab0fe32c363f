import MeshModel

/// The base address of a control plane's HTTP API.
public struct ControlPlaneAddress: Sendable, Hashable, CustomStringConvertible {
  /// Whether the connection is encrypted.
  public let isSecure: Bool
  /// The host name or address, an IPv6 address without its brackets.
  public let host: String
  /// The port; if none was given, the scheme's default.
  public let port: Int
  /// The given address without a trailing slash.
  public let description: String

  /// The default address of a control plane.
  public static let local = ControlPlaneAddress(
    isSecure: false, host: "localhost", port: 5681, description: "http://localhost:5681")

  private init(isSecure: Bool, host: String, port: Int, description: String) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
    self.description = description
  }

  /// Parses an address such as `http://localhost:5681`; its path becomes the prefix of every request.
  ///
  /// - Throws: ``ControlPlaneError`` with the code `invalidAddress`.
  public init(_ text: String) throws(ControlPlaneError) {
    let lowercase = text.lowercased()
    let isSecure = lowercase.hasPrefix("https://")
    guard isSecure || lowercase.hasPrefix("http://") else {
      throw Self.invalid(text, "it has to begin with http:// or https://")
    }
    var rest = text.dropFirst(isSecure ? 8 : 7)
    while rest.hasSuffix("/") { rest.removeLast() }
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }), !rest.contains(where: { "?#@\\\"<>".contains($0) }) else {
      throw Self.invalid(text, "it may hold a host, a port and a path, nothing else")
    }
    let authority = rest.prefix { $0 != "/" }
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { throw Self.invalid(text, "the bracket is not closed") }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let tail = authority[authority.index(after: end)...]
      guard tail.isEmpty || tail.hasPrefix(":") else { throw Self.invalid(text, "the port is not a number") }
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty else { throw Self.invalid(text, "it names no host") }
    var number = isSecure ? 443 : 80
    if let port {
      guard let value = UInt16(port), value > 0 else { throw Self.invalid(text, "the port has to be from 1 to 65535") }
      number = Int(value)
    }
    self.init(
      isSecure: isSecure, host: String(host), port: number, description: "\(text.prefix(isSecure ? 8 : 7))\(rest)")
  }

  private static func invalid(_ text: String, _ reason: String) -> ControlPlaneError {
    ControlPlaneError(
      code: .invalidAddress,
      title:
        "parse \"\(Redaction.masked(text: text))\": not an address of a control plane such as \(Self.local): \(reason)",
      reason: reason)
  }
}
