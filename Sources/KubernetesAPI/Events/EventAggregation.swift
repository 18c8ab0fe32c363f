import Documents
import OrderedCollections

/// Which events have to be sent, as a value. What is said again of the same object counts up one event, and nothing that is
/// said often is sent often.
struct EventAggregation: Sendable {
  /// What makes two events the same.
  struct Key: Sendable, Hashable {
    var object: EventRecorder.Reference
    var severity: EventRecorder.Severity
    var reason: String
    var message: String
  }

  /// An event to send.
  struct Sending: Sendable, Hashable {
    var key: Key
    /// The event's name on the API server; `nil` when it has to be created.
    var name: String?
    var count: Int
    var first: Timestamp
    var last: Timestamp
  }

  private struct Entry: Sendable {
    var name: String?
    var count = 0
    /// How many of them the API server knows.
    var sentCount = 0
    var first: Timestamp
    var last: Timestamp
    var sentAt: Duration?
  }

  /// The largest count of an event that the API knows.
  static let countLimit = Int(Int32.max)
  /// How often the count of an event is written, at most.
  static let countInterval = Duration.seconds(60)

  /// How many events are remembered and how often requests are sent.
  struct Pace: Sendable, Hashable {
    /// How many different events are remembered.
    var limit = 1000
    /// How many requests may go at once.
    var burst = 25
    /// How long it takes until one more may go.
    var interval = Duration.seconds(1)
  }

  private let pace: Pace
  private var entries: OrderedDictionary<Key, Entry> = [:]
  /// The requests that may go, as of a time.
  private var budget: (requests: Int, asOf: Duration)
  /// How many events were not taken because there are too many different ones.
  private(set) var dropped = 0

  init(_ pace: Pace = Pace()) {
    self.pace = pace
    budget = (pace.burst, .zero)
  }

  /// Something has happened.
  mutating func record(_ key: Key, at wallClock: Timestamp) {
    if entries[key] == nil, entries.count >= pace.limit {
      // The one that was said least recently goes, unless it has still to be sent. A warning pushes out what is no warning.
      let sent = entries.values.firstIndex { $0.count == $0.sentCount }
      let minor = key.severity == .warning ? entries.keys.firstIndex { $0.severity != .warning } : nil
      if sent == nil { dropped += dropped == .max ? 0 : 1 }
      guard let index = sent ?? minor else { return }
      entries.remove(at: index)
    }
    // The newest stand last.
    var entry = entries.removeValue(forKey: key) ?? Entry(first: wallClock, last: wallClock)
    entry.count = min(entry.count + 1, Self.countLimit)
    entry.last = wallClock
    entries[key] = entry
  }

  /// The next event to send; `nil` when there is none yet. Warnings go first.
  mutating func next(at time: Duration) -> Sending? {
    refill(at: time)
    guard budget.requests > 0, let index = dueIndex(at: time) else { return nil }
    budget.requests -= 1
    let (key, entry) = entries.elements[index]
    entries.values[index].sentAt = time
    return Sending(key: key, name: entry.name, count: entry.count, first: entry.first, last: entry.last)
  }

  private func dueIndex(at time: Duration) -> Int? {
    var first: Int?
    for (index, element) in entries.elements.enumerated() {
      guard let due = dueTime(element.value), due <= time else { continue }
      if element.key.severity == .warning { return index }
      first = first ?? index
    }
    return first
  }

  /// When there is something to send; `nil` when nothing is left to say.
  func nextTime(at time: Duration) -> Duration? {
    guard let due = entries.values.lazy.compactMap({ dueTime($0) }).min() else { return nil }
    return budget.requests > 0 ? max(due, time) : max(due, budget.asOf + pace.interval)
  }

  /// An event was sent, and has a name on the API server.
  mutating func sent(_ sending: Sending, name: String) {
    entries[sending.key]?.name = name
    entries[sending.key]?.sentCount = sending.count
  }

  /// An event could not be sent.
  ///
  /// - Parameters:
  ///   - isLost: whether sending it again would not help.
  ///   - isGone: whether the API server has forgotten the event, so that it has to be created anew.
  mutating func failed(_ sending: Sending, isLost: Bool, isGone: Bool) {
    if isLost {
      entries[sending.key] = nil
      return
    }
    entries[sending.key]?.sentAt = nil
    if isGone { entries[sending.key]?.name = nil }
  }

  private func dueTime(_ entry: Entry) -> Duration? {
    guard entry.count > entry.sentCount else { return nil }
    return entry.sentAt.map { $0 + Self.countInterval } ?? .zero
  }

  private mutating func refill(at time: Duration) {
    let periods = Int(min((time - budget.asOf) / pace.interval, Double(Int32.max)))
    guard periods > 0 else { return }
    budget.requests = min(pace.burst, budget.requests + periods)
    budget.asOf += pace.interval * periods
  }
}
