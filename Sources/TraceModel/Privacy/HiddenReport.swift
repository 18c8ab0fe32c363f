package import SecretPatterns
import Synchronization

/// How much was hidden where, since the start: numbers for each service and key, never a value. It holds a bounded number of places;
/// beyond it the smallest make room for new ones, and are counted together.
package final class HiddenReport: Sendable {
  /// What was hidden in one place.
  package struct Row: Sendable, Hashable {
    /// Where, and which kind.
    package var value: HiddenValue
    /// How many secrets.
    package var count: Int
    /// When the last one was stored, in milliseconds since 1970.
    package var last: Int64
  }

  /// All that was hidden.
  package struct Snapshot: Sendable {
    /// The rows, the largest numbers first.
    package var rows: [Row] = []
    /// Spans that held a secret.
    package var spans = 0
    /// Secrets in all.
    package var values = 0
    /// Secrets in places for which there is no room in ``rows``.
    package var others = 0
    /// How many places were taken out of ``rows`` to make room; what was counted in them is in ``others``.
    package var evicted = 0
  }

  private struct State {
    var rows: [HiddenValue: (count: Int, last: Int64)] = [:]
    var spans = 0
    var values = 0
    var others = 0
    var evicted = 0

    /// Makes room: an eighth of the places goes, those with the smallest numbers, and of equal ones those seen least recently.
    mutating func evict(_ capacity: Int) {
      let order = rows.sorted { first, second in
        (first.value.count, first.value.last) < (second.value.count, second.value.last)
      }
      for (place, row) in order.prefix(max(1, capacity / 8)) {
        rows[place] = nil
        others += row.count
        evicted += 1
      }
    }
  }

  private let state = Mutex(State())
  /// The most rows. Senders choose the names in them.
  private let capacity: Int

  /// Makes an empty report.
  package init(capacity: Int = 1_000) { self.capacity = capacity }

  /// Counts what was hidden in spans that have been stored.
  ///
  /// - Parameter now: milliseconds since 1970.
  /// - Returns: how many places were evicted to make room.
  @discardableResult
  package func count(_ hidden: HiddenValues, now: Int64) -> Int {
    guard hidden.spans > 0 else { return 0 }
    return state.withLock { state in
      let before = state.evicted
      state.spans += hidden.spans
      state.others += hidden.others
      state.values += hidden.others
      for (value, count) in hidden.counts {
        state.values += count
        if let known = state.rows[value] {
          state.rows[value] = (known.count + count, now)
        } else {
          if state.rows.count >= capacity { state.evict(capacity) }
          state.rows[value] = (count, now)
        }
      }
      return state.evicted - before
    }
  }

  /// What was hidden until now.
  package func snapshot() -> Snapshot {
    let state = state.withLock { $0 }
    var rows = state.rows.map { Row(value: $0.key, count: $0.value.count, last: $0.value.last) }
    rows.sort { first, second in
      guard first.count == second.count else { return first.count > second.count }
      let (one, other) = (first.value, second.value)
      return (one.service, one.place, one.key, one.kind.rawValue)
        < (other.service, other.place, other.key, other.kind.rawValue)
    }
    return Snapshot(
      rows: rows, spans: state.spans, values: state.values, others: state.others, evicted: state.evicted)
  }
}

/// What was hidden in the spans of one request.
package struct HiddenValues: Sendable {
  /// How many secrets each place had.
  package private(set) var counts: [HiddenValue: Int] = [:]
  /// How many spans held a secret.
  package private(set) var spans = 0
  /// Secrets in further places.
  package private(set) var others = 0

  private static let capacity = 256

  /// Nothing.
  package init() {}

  /// Adds what was hidden in a span.
  package mutating func add(_ values: [HiddenValue]) {
    spans += 1
    for value in values {
      if counts[value] != nil || counts.count < Self.capacity { counts[value, default: 0] += 1 } else { others += 1 }
    }
  }

  /// How many secrets of a kind.
  package func count(of kind: Secret.Kind) -> Int { counts.reduce(0) { $1.key.kind == kind ? $0 + $1.value : $0 } }
}
