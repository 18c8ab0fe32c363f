#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// How often addresses tried to sign in with tokens that are not valid, as a value within a bound.
///
/// An address has a number of attempts, and gets them back over time.
struct SignInAttempts: Sendable {
  /// How many attempts may fail in a row.
  static let burst = 10
  /// How long it takes until one more may fail.
  static let recovery = Duration.seconds(6)
  /// The largest number of addresses.
  static let addressesAtMost = 4_096

  /// For each address, when all its failures will be forgiven.
  private var forgiven: [String: ContinuousClock.Instant] = [:]

  /// How many addresses have failures.
  var count: Int { forgiven.count }

  /// How many seconds an address has to wait before its next attempt; nil if it need not.
  func wait(of address: String, at now: ContinuousClock.Instant) -> Int? {
    guard let end = forgiven[Self.network(of: address)] else { return nil }
    let excess = (end - now) - Self.recovery * (Self.burst - 1)
    return excess > .zero ? Int(excess.components.seconds) + 1 : nil
  }

  /// Notes an attempt that failed.
  mutating func failed(_ address: String, at now: ContinuousClock.Instant) {
    let network = Self.network(of: address)
    if forgiven[network] == nil, forgiven.count >= Self.addressesAtMost {
      forgiven = forgiven.filter { $0.value > now }
      if forgiven.count >= Self.addressesAtMost, let next = forgiven.min(by: { $0.value < $1.value }) {
        forgiven[next.key] = nil
      }
    }
    forgiven[network] = max(forgiven[network] ?? now, now) + Self.recovery
  }

  /// What one client has: an IPv4 address, or a network of IPv6, whose first 64 bits stand for all its addresses.
  private static func network(of address: String) -> String {
    var bytes = [UInt8](repeating: 0, count: 16)
    guard inet_pton(AF_INET6, address, &bytes) == 1 else { return address }
    return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
  }
}
