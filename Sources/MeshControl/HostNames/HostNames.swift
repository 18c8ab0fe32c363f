import HeapModule

/// The host names to look up, their last answers, and which lookups may run now: a value without I/O.
///
/// Each name has its own schedule. An answer is valid for a fixed time. A failed name is retried with exponential backoff.
/// Lookups run concurrently. A lookup without an answer for a moment no longer blocks a slot, so slow names do not delay
/// others. Some slots are reserved for names without earlier trouble. The number of lookups and of names is bounded.
package struct HostNames {
  /// The bounds.
  package struct Limits: Sendable {
    /// Names that are looked up. Names beyond the limit have no address.
    var names = 20_000
    /// Unused names whose answers are kept until they expire.
    var unused = 1_000
    /// Concurrent lookups younger than ``patience``.
    var young = 16
    /// Concurrent lookups, including those that are overdue.
    var lookups = 64
    /// Concurrent lookups of names that failed or were slow before.
    var troubled = 32
    /// The age at which a lookup counts as overdue.
    var patience = Duration.seconds(1)
    /// How long an answer is valid.
    var answerAge = Duration.seconds(30)
    /// The delay before the first retry. It doubles with each further failure.
    var failureAge = Duration.seconds(5)
    /// The longest delay before a retry.
    var failureAgeLimit = Duration.seconds(120)

    /// The bounds of a control plane.
    package init() {}
  }

  typealias Instant = ContinuousClock.Instant

  private struct Entry {
    /// The number of users of the name.
    var users = 0
    var address: String?
    /// When to look up the name next; `nil` while a lookup runs.
    var due: Instant?
    var failures = 0
    var wasSlow = false

    var isTroubled: Bool { failures > 0 || wasSlow }
  }

  private struct Lookup {
    var name: String
    var start: Instant
    var isTroubled: Bool
  }

  /// An entry of a queue. It is valid only while the name's entry has the same time.
  private struct Turn: Comparable {
    var due: Instant
    var name: String

    static func < (a: Turn, b: Turn) -> Bool { (a.due, a.name) < (b.due, b.name) }
  }

  let limits: Limits
  private var entries: [String: Entry] = [:]
  private var lookups: [UInt64: Lookup] = [:]
  private var turns = Heap<Turn>()
  private var troubledTurns = Heap<Turn>()
  private var unused = 0
  private var lastLookup: UInt64 = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  /// The number of known names, including unused ones.
  var count: Int { entries.count }
  /// The number of running lookups.
  var running: Int { lookups.count }

  /// The address of a name; `nil` until one is known.
  func address(of name: String) -> String? { entries[name]?.address }

  /// Adds a user of a name.
  ///
  /// - Returns: false when there are too many names.
  mutating func retain(_ name: String, at now: Instant) -> Bool {
    if var entry = entries[name] {
      if entry.users == 0 { unused -= 1 }
      entry.users += 1
      entries[name] = entry
      return true
    }
    guard entries.count - unused < limits.names else { return false }
    queue(name, Entry(users: 1, due: now))
    return true
  }

  /// Removes a user of a name. An unused name is no longer looked up.
  mutating func release(_ name: String) {
    guard var entry = entries[name], entry.users > 0 else { return }
    entry.users -= 1
    entries[name] = entry
    guard entry.users == 0 else { return }
    unused += 1
    guard unused > limits.unused else { return }
    entries = entries.filter { $0.value.users > 0 }
    unused = 0
  }

  /// The lookups to start now. They count as running from here on.
  mutating func begin(at now: Instant) -> [(lookup: UInt64, name: String)] {
    var young = lookups.values.count { now - $0.start < limits.patience }
    var troubled = lookups.values.count { $0.isTroubled || now - $0.start >= limits.patience }
    var begun: [(lookup: UInt64, name: String)] = []
    while lookups.count < limits.lookups, young < limits.young {
      let name: String
      if let next = Self.next(&turns, at: now) {
        name = next
      } else if troubled < limits.troubled, let next = Self.next(&troubledTurns, at: now) {
        name = next
      } else {
        break
      }
      guard var entry = entries[name], let due = entry.due, due <= now else { continue }
      guard entry.users > 0 else {
        // The answer of an unused name is kept until it expires.
        entries[name] = nil
        unused -= 1
        continue
      }
      if entry.isTroubled { troubled += 1 }
      young += 1
      lastLookup &+= 1
      lookups[lastLookup] = Lookup(name: name, start: now, isTroubled: entry.isTroubled)
      entry.due = nil
      entries[name] = entry
      begun.append((lastLookup, name))
    }
    return begun
  }

  /// The result of a lookup.
  enum Outcome: Equatable {
    /// Nothing has changed, or the name is no longer used.
    case nothing
    /// The name has a new address.
    case changed
    /// The lookup failed after a success or for the first time. `hasAddress`: an earlier address is still in use.
    case failed(hasAddress: Bool)
  }

  /// Ends a lookup with its answer; `nil` is a failure. A failure keeps the last known address.
  mutating func end(_ lookup: UInt64, address: String?, at now: Instant) -> Outcome {
    guard let ended = lookups.removeValue(forKey: lookup), var entry = entries[ended.name], entry.due == nil else {
      return .nothing
    }
    entry.wasSlow = now - ended.start >= limits.patience
    guard let address else {
      entry.failures = min(entry.failures + 1, 16)
      entry.due = now + min(limits.failureAge * (1 << (entry.failures - 1)), limits.failureAgeLimit)
      queue(ended.name, entry)
      return entry.failures == 1 && entry.users > 0 ? .failed(hasAddress: entry.address != nil) : .nothing
    }
    let isChanged = entry.address != address
    entry.failures = 0
    entry.address = address
    entry.due = now + limits.answerAge
    queue(ended.name, entry)
    return isChanged && entry.users > 0 ? .changed : .nothing
  }

  /// The next time at which ``begin(at:)`` may start lookups; `nil` if only an answer or a new name can change that.
  func nextTime(after now: Instant) -> Instant? {
    let due = [turns.min?.due, troubledTurns.min?.due].compactMap { $0 }
    guard due.contains(where: { $0 <= now }) else { return due.min() }
    // A due lookup that has not started waits for a slot: an answer frees one, and so does a lookup that becomes overdue.
    let room = lookups.values.lazy.map { $0.start + limits.patience }.filter { $0 > now }.min()
    return ([room].compactMap { $0 } + due.filter { $0 > now }).min()
  }

  private static func next(_ turns: inout Heap<Turn>, at now: Instant) -> String? {
    guard let first = turns.min, first.due <= now else { return nil }
    return turns.removeMin().name
  }

  private mutating func queue(_ name: String, _ entry: Entry) {
    entries[name] = entry
    guard let due = entry.due else { return }
    if turns.count + troubledTurns.count > 2 * entries.count + 100 {
      // Most entries belong to names that are gone.
      turns = Heap(current(isTroubled: false))
      troubledTurns = Heap(current(isTroubled: true))
    } else if entry.isTroubled {
      troubledTurns.insert(Turn(due: due, name: name))
    } else {
      turns.insert(Turn(due: due, name: name))
    }
  }

  private func current(isTroubled: Bool) -> [Turn] {
    entries.compactMap { name, entry in
      entry.isTroubled == isTroubled ? entry.due.map { Turn(due: $0, name: name) } : nil
    }
  }
}
