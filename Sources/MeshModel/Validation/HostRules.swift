#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What counts as an address.
public enum HostRules {
  /// Whether text is an IPv4 address in dotted form.
  public static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }

  /// Whether text is an IPv6 address without brackets.
  public static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }

  /// Whether text is an IP address.
  public static func isIP(_ text: String) -> Bool { isIPv4(text) || isIPv6(text) }

  /// Whether text names the machine itself, whichever it is: `localhost`, a name below it, a loopback address, or the
  /// unspecified address, which systems connect to themselves.
  public static func isLoopback(_ text: String) -> Bool {
    let name = (text.hasSuffix(".") ? String(text.dropLast()) : text).lowercased()
    if name == "localhost" || name.hasSuffix(".localhost") { return true }
    var address = in_addr()
    if inet_pton(AF_INET, text, &address) == 1 {
      return address.s_addr == 0 || UInt32(bigEndian: address.s_addr) >> 24 == 127
    }
    var long = in6_addr()
    guard inet_pton(AF_INET6, text, &long) == 1 else { return false }
    let bytes = withUnsafeBytes(of: long) { Array($0) }
    if bytes.dropLast().allSatisfy({ $0 == 0 }) { return (0...1).contains(bytes[15]) }
    // An IPv4 address in IPv6 form (RFC 4291, section 2.5.5.2).
    return bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255 && bytes[12] == 127
  }

  /// Whether a server that listens at an address is reached from this machine only. The unspecified address stands for all
  /// addresses of the machine.
  public static func isLoopbackListener(_ address: String) -> Bool {
    guard isLoopback(address) else { return false }
    var short = in_addr()
    if inet_pton(AF_INET, address, &short) == 1 { return short.s_addr != 0 }
    var long = in6_addr()
    guard inet_pton(AF_INET6, address, &long) == 1 else { return true }
    return withUnsafeBytes(of: long) { bytes in bytes.contains { $0 != 0 } }
  }

  /// Whether text is a host name as the domain name system knows it.
  static func isDomainName(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 253 else { return false }
    var name = text[...]
    if name.hasSuffix(".") { name = name.dropLast() }
    return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      guard let first = label.utf8.first, let last = label.utf8.last, label.utf8.count <= 63 else { return false }
      func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
      return isWord(first) && isWord(last) && label.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") }
    }
  }
}
