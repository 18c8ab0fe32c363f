/// How much each of many clients may do: a number of acts at once, which it gets back one after the other, as a value within a bound.
///
/// For each client there is one time, when it will have got everything back (the virtual scheduling algorithm of ITU-T I.371,
/// annex A). Of clients that did something, the newest are remembered; to forget one is to let it begin anew.
package struct Allowances<Client: Hashable & Sendable>: Sendable {
  /// How many acts a client may do at once.
  package let burst: Int
  /// How long it takes until it has one more.
  package let recovery: Duration
  /// How many clients are remembered at most.
  package let clientsAtMost: Int

  // Two generations, so that to forget the oldest costs no search.
  private var newer: [Client: ContinuousClock.Instant] = [:]
  private var older: [Client: ContinuousClock.Instant] = [:]

  /// Makes the allowances of clients that have done nothing.
  package init(burst: Int, recovery: Duration, clientsAtMost: Int) {
    self.burst = max(1, burst)
    self.recovery = recovery
    self.clientsAtMost = max(2, clientsAtMost)
  }

  /// How many clients are remembered.
  package var count: Int { newer.count + older.count }

  /// How long a client has to wait before its next act; nil if it need not.
  package func wait(of client: Client, at now: ContinuousClock.Instant) -> Duration? {
    guard let end = newer[client] ?? older[client] else { return nil }
    let excess = (end - now) - recovery * (burst - 1)
    return excess > .zero ? excess : nil
  }

  /// Notes an act of a client.
  package mutating func use(_ client: Client, at now: ContinuousClock.Instant) {
    let end = max(newer[client] ?? older[client] ?? now, now) + recovery
    if newer[client] == nil, newer.count >= clientsAtMost / 2 {
      older = newer
      newer = [:]
    }
    newer[client] = end
    older[client] = nil
  }
}
