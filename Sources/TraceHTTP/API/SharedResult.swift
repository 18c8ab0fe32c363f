import Synchronization

/// Makes one result for all that wait for it. Nobody gets one that was begun before they asked. It is kept no longer than somebody
/// waits.
actor SharedResult<Key: Hashable & Sendable, Value: Sendable> {
  /// How many tickets there were.
  private nonisolated let issued = Atomic<Int>(0)
  private var answered = 0
  private var results: [Key: (ticket: Int, value: Value)] = [:]
  /// How many results were made.
  private(set) var made = 0

  /// What a wait begins with. Each ticket gets one result.
  nonisolated func ticket() -> Int { issued.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }

  /// The result for a ticket: one that was begun after it was issued.
  func result(_ key: Key, for ticket: Int, _ make: @Sendable () -> Value) -> Value {
    defer {
      answered += 1
      if answered == issued.load(ordering: .sequentiallyConsistent) { results = [:] }
    }
    if let known = results[key], known.ticket >= ticket { return known.value }
    let last = issued.load(ordering: .sequentiallyConsistent)
    let value = make()
    made += 1
    results[key] = (last, value)
    return value
  }
}
