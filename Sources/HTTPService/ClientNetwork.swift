#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// What one client has: an IPv4 address, or a network of IPv6, whose first 64 bits stand for all its addresses.
///
/// An IPv4 address in the form of IPv6 (https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2) is the IPv4 address.
package struct ClientNetwork: Hashable, Sendable {
  private let number: UInt64
  private let isIPv4: Bool

  /// The network of an address; nil if the text is not an IP address.
  package init?(_ address: String) {
    var v4 = [UInt8](repeating: 0, count: 4)
    if inet_pton(AF_INET, address, &v4) == 1 {
      self.init(bytes: v4[...], isIPv4: true)
      return
    }
    var v6 = [UInt8](repeating: 0, count: 16)
    guard inet_pton(AF_INET6, address, &v6) == 1 else { return nil }
    let isMapped = v6[..<10].allSatisfy { $0 == 0 } && v6[10] == 0xFF && v6[11] == 0xFF
    self.init(bytes: isMapped ? v6[12...] : v6[..<8], isIPv4: isMapped)
  }

  private init(bytes: ArraySlice<UInt8>, isIPv4: Bool) {
    number = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    self.isIPv4 = isIPv4
  }
}
