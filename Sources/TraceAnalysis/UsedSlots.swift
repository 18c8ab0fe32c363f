/// The slots of a list with their uses, which decide what is evicted when the list is full.
///
/// Senders of spans choose the names. If a full list refused new names, invented ones could block it forever. If it evicted the
/// least recently used, a burst of invented names could evict the names in use. So half of the slots are for the most frequently
/// used, by powers of two up to ``mostUses``, and a quarter for the most recently used. The last quarter is evicted.
struct UsedSlots: Sendable {
  private struct Use: Sendable {
    var count = 0
    /// The number of the last use, counted over all slots.
    var last: UInt64 = 0
    /// The time of the last use, in milliseconds since 1970.
    var time: Int64 = 0
    var isTaken = false
  }

  /// The largest use count. Beyond it, only the last use matters.
  private static let mostUses = 64
  /// In milliseconds. A slot that was not used for this time has a use count of 0.
  private static let memory: Int64 = 3_600_000

  private var uses: [Use] = []
  private var free: [Int] = []
  private var number: UInt64 = 0

  /// The number of taken slots.
  var count: Int { uses.count - free.count }

  /// The taken slots.
  var taken: [Int] { uses.indices.filter { uses[$0].isTaken } }

  /// Takes a free slot, or appends one.
  mutating func take() -> Int {
    number += 1
    let use = Use(last: number, isTaken: true)
    if let slot = free.popLast() {
      uses[slot] = use
      return slot
    }
    uses.append(use)
    return uses.count - 1
  }

  /// Frees a slot.
  ///
  /// - Returns: its use count.
  mutating func release(_ slot: Int) -> Int {
    guard uses[slot].isTaken else { return 0 }
    let count = uses[slot].count
    uses[slot] = Use()
    free.append(slot)
    return count
  }

  /// Counts a use of a taken slot.
  ///
  /// - Parameter now: milliseconds since 1970.
  mutating func use(_ slot: Int, _ now: Int64) {
    number += 1
    uses[slot].count += 1
    uses[slot].last = number
    uses[slot].time = now
  }

  /// The slots to evict: none below the limit, otherwise about a quarter, so that the cost of a selection is shared by as many new
  /// names.
  func leastUsed(of slots: some Collection<Int>, limit: Int, now: Int64) -> [Int] {
    guard slots.count >= limit else { return [] }
    let kept = max(0, limit - max(1, limit / 4))
    let ranked = slots.map { (slot: $0, rank: rank(uses[$0], now), last: uses[$0].last) }
      .sorted { ($0.rank, $0.last) > ($1.rank, $1.last) }
    let most = min(limit / 2, kept)
    return ranked.dropFirst(most).sorted { $0.last > $1.last }.dropFirst(kept - most).map { $0.slot }
  }

  private func rank(_ use: Use, _ now: Int64) -> Int {
    guard use.count > 0, now - use.time <= Self.memory else { return 0 }
    return Int.bitWidth - min(use.count, Self.mostUses).leadingZeroBitCount
  }
}
