#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// The normalized host and port of `Host` or `Origin` (https://www.rfc-editor.org/rfc/rfc9110#section-7.2).
public struct Authority: Sendable, Hashable {
  /// A name in lower case without a trailing dot, or an address without brackets.
  public var host: String
  /// The port; nil if there is none.
  public var port: UInt16?
  /// Whether the host is an address.
  public var isAddress: Bool

  /// Parses `name`, `name:80`, `127.0.0.1:80` or `[::1]:80`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count <= 300 else { return nil }
    var host = text[...]
    var digits: Substring?
    if host.hasPrefix("[") {
      guard let end = host.firstIndex(of: "]") else { return nil }
      let rest = host[host.index(after: end)...]
      host = host[host.index(after: host.startIndex)..<end]
      guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
      if !rest.isEmpty { digits = Substring(rest.dropFirst()) }
      guard Self.isAddress(String(host), AF_INET6) else { return nil }
      self.host = host.lowercased()
      isAddress = true
    } else {
      if let colon = host.firstIndex(of: ":") {
        digits = Substring(host[host.index(after: colon)...])
        host = host[..<colon]
      }
      if host.hasSuffix(".") { host = host.dropLast() }
      guard !host.isEmpty, host.utf8.allSatisfy(Self.isNameByte) else { return nil }
      self.host = host.lowercased()
      isAddress = Self.isAddress(self.host, AF_INET)
    }
    guard let digits, !digits.isEmpty else { return }
    guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits)
    else { return nil }
    self.port = port
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func isAddress(_ text: String, _ family: Int32) -> Bool {
    var bytes: (UInt64, UInt64) = (0, 0)
    return inet_pton(family, text, &bytes) == 1
  }
}

/// The names under which a server may be reached.
///
/// The page of another site can make its own name resolve to this machine (DNS rebinding), and would then count as a page of this
/// server. The browser sends that name as `Host`, so requests with unknown names are refused.
public struct HostRule: Sendable {
  private let names: Set<String>
  private let suffixes: [String]
  private let allowsAll: Bool

  /// Makes a rule that allows addresses, `localhost`, and more names.
  ///
  /// - Parameter names: names of the machine, of its certificate and from settings: `cp.example`, `*.mesh.example` for every
  ///   name below, `*` for any host at all.
  public init(names: some Sequence<String>) {
    var plain: Set<String> = ["localhost"]
    var suffixes: [String] = []
    var allowsAll = false
    for name in names {
      let name = name.lowercased()
      if name == "*" {
        allowsAll = true
      } else if name.hasPrefix("*.") {
        suffixes.append(String(name.dropFirst()))
      } else {
        plain.insert(name.hasSuffix(".") ? String(name.dropLast()) : name)
      }
    }
    self.names = plain
    self.suffixes = suffixes
    self.allowsAll = allowsAll
  }

  /// Whether a text is a valid name in a setting.
  public static func isName(_ text: String) -> Bool {
    if text == "*" { return true }
    let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
    guard let authority = Authority(name) else { return false }
    return authority.port == nil && !name.contains(":")
  }

  /// Whether a server may be reached under a name.
  public func allows(_ authority: Authority) -> Bool {
    authority.isAddress || allowsAll || names.contains(authority.host)
      || suffixes.contains { authority.host.hasSuffix($0) && authority.host.utf8.count > $0.utf8.count }
  }
}
