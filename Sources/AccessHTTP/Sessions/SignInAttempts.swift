import HTTPService

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

  private var failures = Allowances<ClientNetwork?>(
    each: Allowance(burst: Self.burst, recovery: Self.recovery), clientsAtMost: Self.addressesAtMost)

  /// How many addresses have failures.
  var count: Int { failures.count }

  /// How many seconds an address has to wait before its next attempt; nil if it need not.
  func wait(of address: String, at now: ContinuousClock.Instant) -> Int? {
    failures.wait(of: ClientNetwork(address), at: now).map { Int($0.components.seconds) + 1 }
  }

  /// Notes an attempt that failed. Clients without an address count together.
  mutating func failed(_ address: String, at now: ContinuousClock.Instant) {
    failures.use(ClientNetwork(address), at: now)
  }
}
