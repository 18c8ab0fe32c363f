/// Which places of a list are taken, and how much each is used: what is to be forgotten when the list is full.
///
/// Names come from whoever sends spans. Were new ones refused by a full list, made-up ones would keep all others out for
/// ever; did the last use alone decide, a burst of made-up ones would drive out what is in use. So half of the room is for
/// those used most, by powers of two up to ``mostUses``, and a quarter for the others used last. A quarter is given free.
struct UsedPlaces: Sendable {
  private struct Use: Sendable {
    var count = 0
    /// The number of the last use, of all places together.
    var last: UInt64 = 0
    /// The moment of the last use, in milliseconds since 1970.
    var time: Int64 = 0
    var isTaken = false
  }

  /// More uses than these make no difference: from there on the last use decides.
  private static let mostUses = 64
  /// In milliseconds. What was not used for so long has no uses any more.
  private static let memory: Int64 = 3_600_000

  private var uses: [Use] = []
  private var free: [Int] = []
  private var number: UInt64 = 0

  /// How many are taken.
  var count: Int { uses.count - free.count }

  /// Those that are taken.
  var taken: [Int] { uses.indices.filter { uses[$0].isTaken } }

  /// Takes a place: one that has been given free, or else the next after all.
  mutating func take() -> Int {
    number += 1
    let use = Use(last: number, isTaken: true)
    if let place = free.popLast() {
      uses[place] = use
      return place
    }
    uses.append(use)
    return uses.count - 1
  }

  /// Gives a place free.
  ///
  /// - Returns: how often it was used.
  mutating func release(_ place: Int) -> Int {
    guard uses[place].isTaken else { return 0 }
    let count = uses[place].count
    uses[place] = Use()
    free.append(place)
    return count
  }

  /// Notes a use of a taken place.
  ///
  /// - Parameter now: milliseconds since 1970.
  mutating func use(_ place: Int, _ now: Int64) {
    number += 1
    uses[place].count += 1
    uses[place].last = number
    uses[place].time = now
  }

  /// Which of some taken places are to be given free, so that there is room for others: none below the limit, and otherwise
  /// about a quarter, so that the cost of a choice is shared by as many new names.
  func leastUsed(of places: some Collection<Int>, limit: Int, now: Int64) -> [Int] {
    guard places.count >= limit else { return [] }
    let kept = max(0, limit - max(1, limit / 4))
    let ranked = places.map { (place: $0, rank: rank(uses[$0], now), last: uses[$0].last) }
      .sorted { ($0.rank, $0.last) > ($1.rank, $1.last) }
    let most = min(limit / 2, kept)
    return ranked.dropFirst(most).sorted { $0.last > $1.last }.dropFirst(kept - most).map { $0.place }
  }

  private func rank(_ use: Use, _ now: Int64) -> Int {
    guard use.count > 0, now - use.time <= Self.memory else { return 0 }
    return Int.bitWidth - min(use.count, Self.mostUses).leadingZeroBitCount
  }
}
