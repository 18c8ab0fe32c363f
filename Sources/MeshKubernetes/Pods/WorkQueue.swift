import Backoff
import DequeModule
import HeapModule

/// Which work is due, as a value: each key once, the urgent ones first, one at a time; what has failed waits.
struct WorkQueue<Key: Hashable & Sendable>: Sendable {
  /// How soon work has to be done.
  enum Urgency: Int, Sendable, Comparable, CaseIterable {
    case urgent, normal, idle

    static func < (a: Urgency, b: Urgency) -> Bool { a.rawValue < b.rawValue }
  }

  /// When a key is tried again.
  private struct Turn: Comparable, Sendable {
    var time: Duration
    var key: Key

    static func == (a: Turn, b: Turn) -> Bool { a.time == b.time }
    static func < (a: Turn, b: Turn) -> Bool { a.time < b.time }
  }

  private struct Failure: Sendable {
    var schedule: BackoffSchedule
    var isRefusal: Bool
    /// When the key is tried again; `nil` once that time has come.
    var next: Duration?
  }

  /// What is due and not under way.
  private var waiting: [Key: Urgency] = [:]
  /// The order in each urgency. An entry counts if its key waits with this urgency.
  private var order: [Deque<Key>] = Urgency.allCases.map { _ in [] }
  private var underWay: Set<Key> = []
  private var failures: [Key: Failure] = [:]
  private var turns = Heap<Turn>()

  /// The waits after a failure, and after a refusal.
  private static var wait: (minimum: Duration, maximum: Duration) { (.milliseconds(250), .seconds(30)) }
  private static var refusalWait: (minimum: Duration, maximum: Duration) { (.seconds(2), .seconds(300)) }

  /// How many keys are due or under way.
  var count: Int { waiting.count + underWay.count }

  /// Makes work due; earlier work of the key that is not under way is the same.
  mutating func add(_ key: Key, _ urgency: Urgency) {
    guard waiting[key] != urgency else { return }
    waiting[key] = urgency
    enqueue(key)
  }

  /// There is nothing to do about a key.
  mutating func remove(_ key: Key) {
    waiting[key] = nil
    failures[key] = nil
  }

  /// What was refused may be accepted now.
  mutating func retryRefused(_ key: Key) {
    guard failures[key]?.isRefusal == true else { return }
    failures[key] = nil
    enqueue(key)
  }

  /// Takes the next key. It is under way until it has succeeded or failed.
  mutating func next(at now: Duration) -> Key? {
    while let turn = turns.min, turn.time <= now {
      turns.removeMin()
      guard failures[turn.key]?.next == turn.time else { continue }
      failures[turn.key]?.next = nil
      enqueue(turn.key)
    }
    for urgency in Urgency.allCases {
      while let key = order[urgency.rawValue].popFirst() {
        guard waiting[key] == urgency, isFree(key) else { continue }
        waiting[key] = nil
        underWay.insert(key)
        return key
      }
    }
    return nil
  }

  /// Whether a key is not under way, and does not wait after a failure.
  private func isFree(_ key: Key) -> Bool { !underWay.contains(key) && failures[key]?.next == nil }

  /// Work is done. What was added meanwhile is due now.
  mutating func succeeded(_ key: Key) {
    underWay.remove(key)
    failures[key] = nil
    enqueue(key)
  }

  /// Work has failed: what is added, now or later, waits for a while.
  ///
  /// - Parameters:
  ///   - isRefusal: whether the same would fail again.
  ///   - share: a random number from 0 to 1, for the wait.
  mutating func failed(_ key: Key, isRefusal: Bool, at now: Duration, share: Double) {
    underWay.remove(key)
    let wait = isRefusal ? Self.refusalWait : Self.wait
    let before = failures[key].flatMap { $0.isRefusal == isRefusal ? $0.schedule : nil }
    var schedule = before ?? BackoffSchedule(minimum: wait.minimum, maximum: wait.maximum)
    let next = now + schedule.failed(share)
    failures[key] = Failure(schedule: schedule, isRefusal: isRefusal, next: next)
    turns.insert(Turn(time: next, key: key))
  }

  /// When the next key that has failed is due again; `nil` when none waits for its time.
  var nextTurn: Duration? { turns.min?.time }

  /// There is nothing to do about any key. What is under way still is.
  mutating func removeAll() {
    var empty = Self()
    empty.underWay = underWay
    self = empty
  }

  /// Puts a key that is due at the end of its urgency.
  private mutating func enqueue(_ key: Key) {
    guard let urgency = waiting[key], isFree(key) else { return }
    order[urgency.rawValue].append(key)
    // Entries that do not count any more must not pile up.
    guard order[urgency.rawValue].count > 2 * waiting.count + 64 else { return }
    var seen: Set<Key> = []
    order[urgency.rawValue].removeAll { waiting[$0] != urgency || !seen.insert($0).inserted }
  }
}
