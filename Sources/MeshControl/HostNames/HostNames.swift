import HeapModule

/// Which host names are to be looked up, what is known of each, and what may be asked at the moment: a value without I/O.
///
/// Each name has a clock of its own. An answer holds for a while; a failure is tried again soon at first and ever more rarely.
/// Lookups run at the same time, and a lookup of which nothing is heard for a moment makes room for another, so that names
/// that nobody answers for delay no others. A part of the room is kept from names that failed or were slow before. What runs and what is
/// remembered is bounded.
package struct HostNames {
  /// The bounds.
  package struct Limits: Sendable {
    /// Names that are looked up; of more, no address is known.
    var names = 20_000
    /// Names that nobody uses any more and whose answers are kept until they would be asked again.
    var unused = 1_000
    /// Lookups at a time that are young.
    var young = 16
    /// Lookups at a time, those of which nothing has been heard for long included.
    var lookups = 64
    /// Lookups at a time of names that failed or were slow before.
    var troubled = 32
    /// How long a lookup is young.
    var patience = Duration.seconds(1)
    /// How long an answer is taken to hold.
    var answerAge = Duration.seconds(30)
    /// How long a first failure is taken to hold; doubled with each further one.
    var failureAge = Duration.seconds(5)
    /// How long a failure is taken to hold at most.
    var failureAgeLimit = Duration.seconds(120)

    /// The bounds of a control plane.
    package init() {}
  }

  typealias Instant = ContinuousClock.Instant

  private struct Entry {
    /// How many ask for the name; whoever has stopped is not counted.
    var users = 0
    var address: String?
    /// When to ask; `nil` while it is being asked.
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

  /// A place in a queue. It counts only while the name's entry says the same time.
  private struct Turn: Comparable {
    var due: Instant
    var name: String

    static func < (a: Turn, b: Turn) -> Bool { (a.due, a.name) < (b.due, b.name) }
  }

  private let limits: Limits
  private var entries: [String: Entry] = [:]
  private var lookups: [UInt64: Lookup] = [:]
  private var turns = Heap<Turn>()
  private var troubledTurns = Heap<Turn>()
  private var unused = 0
  private var lastLookup: UInt64 = 0

  init(limits: Limits = Limits()) { self.limits = limits }

  /// How many names are known, those that nobody uses included.
  var count: Int { entries.count }
  /// How many lookups run.
  var running: Int { lookups.count }

  /// The address of a name; `nil` until one is known.
  func address(of name: String) -> String? { entries[name]?.address }

  /// Notes one more user of a name.
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

  /// Notes that a user of a name is gone. Names that nobody uses are not asked any more.
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

  /// The lookups that are to begin now, which count as running from here on.
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
        // An answer that nobody uses is kept as long as it holds.
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

  /// What an answer means.
  enum Outcome: Equatable {
    /// Nothing has changed, or nobody asks any more.
    case nothing
    /// The name has another address than before.
    case changed
    /// The name cannot be resolved, for the first time in a row, and whether it has an address from before.
    case failed(hasAddress: Bool)
  }

  /// Takes the answer of a lookup; `nil` is a failure. An address that is known stays until there is another one.
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

  /// When ``begin(at:)`` may have something to do that it has not now; `nil` when only an answer or a new name can change that.
  func nextTime(after now: Instant) -> Instant? {
    let due = [turns.min?.due, troubledTurns.min?.due].compactMap { $0 }
    guard due.contains(where: { $0 <= now }) else { return due.min() }
    // What is due and was not begun waits for room: until an answer comes, or a lookup is no longer young.
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
      // Most are of names that came and went.
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
