/// Decides when the status of an object may be written, so that proxies that come and go do not cause a storm of writes.
///
/// What has become true or false is written soon. Where only words have changed, such as a number of proxies, they wait until
/// the last write of the object is a while ago.
package struct StatusPacing<Key: Hashable & Sendable>: Sendable {
  /// For how long an object is left alone after a write, where only words have changed.
  private let rest: Duration
  private var last: [Key: Duration] = [:]

  /// How many objects are remembered.
  package var count: Int { last.count }

  /// - Parameter rest: for how long an object is left alone after a write, where only words have changed.
  package init(rest: Duration) { self.rest = rest }

  /// How long a write has to wait; zero if it may go now.
  ///
  /// - Parameters:
  ///   - isTurn: whether a condition has become true or false, or another reason.
  ///   - now: the time of a clock that only goes forward.
  package func wait(for key: Key, isTurn: Bool, now: Duration) -> Duration {
    guard !isTurn, let last = last[key] else { return .zero }
    return max(.zero, last + rest - now)
  }

  /// A status was written.
  package mutating func note(_ key: Key, now: Duration) {
    // Objects that were written long ago need no memory.
    if last.count >= 1_024 { last = last.filter { $0.value + rest > now } }
    last[key] = now
  }
}
