/// Parsing and formatting of IP addresses.
package enum IPAddressText {
  /// Whether a text has the form of an IPv4 address.
  package static func isIPv4(_ text: String) -> Bool {
    let parts = text.utf8.split(separator: 0x2E, omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        (1...3).contains(part.count) && part.allSatisfy { (0x30...0x39).contains($0) } && UInt8(Substring(part)) != nil
      }
  }

  /// Whether a text has the form of an IPv6 address.
  package static func isIPv6(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (2...45).contains(bytes.count), bytes.count(where: { $0 == 0x3A }) >= 2 else { return false }
    return bytes.allSatisfy { $0 == 0x3A || $0 == 0x2E || Hexadecimal.value($0) != nil }
  }

  /// The text of an IPv4 address in 4 bytes.
  package static func ipv4(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String($0) }.joined(separator: ".")
  }

  /// The text of an IPv6 address in 16 bytes, or of the IPv4 address that is mapped to it.
  package static func ipv6(_ bytes: some Sequence<UInt8>) -> (text: String, isIPv6: Bool) {
    let bytes = Array(bytes)
    let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    return isMapped ? (ipv4(bytes[12...]), false) : (colons(bytes), true)
  }

  /// Sets the address of an endpoint from a text; false if the text is not an address.
  package static func set(_ text: String, in endpoint: inout Endpoint) -> Bool {
    if isIPv4(text) {
      endpoint.ipv4 = text
    } else if isIPv6(text) {
      endpoint.ipv6 = text.lowercased()
    } else {
      return false
    }
    return true
  }

  /// Formats an IPv6 address by RFC 5952: the longest run of two or more zero groups becomes `::`.
  private static func colons(_ bytes: [UInt8]) -> String {
    let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
    var longest = 0..<0
    var start = 0
    for index in 0...8 where index == 8 || groups[index] != 0 {
      if index - start > longest.count { longest = start..<index }
      start = index + 1
    }
    func text(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard longest.count > 1 else { return text(0..<8) }
    return text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
  }
}
