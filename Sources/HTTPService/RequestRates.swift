import Synchronization

/// Limits how many requests a client may send in a second: an address, and whoever has shown who they are.
///
/// Each may send twice as many at once. A client on this machine has no limit by its address, since a proxy there may pass on the requests
/// of others.
package final class RequestRates: Sendable {
  /// How many clients are remembered at most.
  package static let clientsAtMost = 20_000

  /// How many requests a client may send in a second.
  package let requestsPerSecond: Int
  private let allowances: Mutex<Allowances<ClientKey>>

  /// - Parameter requestsPerSecond: how many requests a client may send in a second; at least 1.
  package init(requestsPerSecond: Int) {
    let rate = max(1, min(requestsPerSecond, 1_000_000))
    self.requestsPerSecond = rate
    allowances = Mutex(
      Allowances(
        each: Allowance(burst: 2 * rate, recovery: .nanoseconds(1_000_000_000 / rate)),
        clientsAtMost: Self.clientsAtMost))
  }

  /// How many clients are remembered.
  package var count: Int { allowances.withLock { $0.count } }

  /// Counts a request of a client.
  ///
  /// - Returns: how many seconds the client has to wait first; nil if the request may go on.
  package func wait(of client: ClientKey, at now: ContinuousClock.Instant = .now) -> Int? {
    allowances.withLock { allowances in
      if let wait = allowances.wait(of: client, at: now) { return Int(wait.components.seconds) + 1 }
      allowances.use(client, at: now)
      return nil
    }
  }
}
