/// The ``Allowance`` of each of many clients, as a value within a bound.
///
/// Of clients that did something, the newest are remembered; to forget one is to let it begin anew.
package struct Allowances<Client: Hashable & Sendable>: Sendable {
  /// What each client may do.
  package let each: Allowance
  /// How many clients are remembered at most.
  package let clientsAtMost: Int

  // Two generations, so that to forget the oldest costs no search.
  private var newer: [Client: Allowance] = [:]
  private var older: [Client: Allowance] = [:]

  /// Makes the allowances of clients that have done nothing.
  package init(each: Allowance, clientsAtMost: Int) {
    self.each = each
    self.clientsAtMost = max(2, clientsAtMost)
  }

  /// How many clients are remembered.
  package var count: Int { newer.count + older.count }

  /// How long a client has to wait before its next act; nil if it need not.
  package func wait(of client: Client, at now: ContinuousClock.Instant) -> Duration? {
    (newer[client] ?? older[client])?.wait(at: now)
  }

  /// Notes an act of a client.
  package mutating func use(_ client: Client, at now: ContinuousClock.Instant) {
    var allowance = newer[client] ?? older[client] ?? each
    allowance.borrow(at: now)
    if newer[client] == nil, newer.count >= clientsAtMost / 2 {
      older = newer
      newer = [:]
    }
    newer[client] = allowance
    older[client] = nil
  }
}
