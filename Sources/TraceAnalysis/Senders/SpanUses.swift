/// Ids of spans that came lately, by which ids that are used again are found: those of processes with the same random numbers, or of a
/// tracer whose ids are always the same.
///
/// The memory is a table of a fixed size. An id has one place, which it keeps for ten minutes.
struct SpanUses: Sendable {
  private struct Entry: Sendable {
    var use = SenderTally.SpanUse(id: 0, start: 0)
    /// When it came, in milliseconds of the steady clock.
    var time = Int64.min
  }

  private var entries: [Entry] = []
  private static let capacity = 8_192
  /// For how long an id is remembered, in milliseconds.
  static let memory: Int64 = 600_000
  /// How far apart two spans start at least that are not the same one, in microseconds. Retries of a call may share an id.
  private static let apart: Int64 = 60_000_000

  /// Whether two spans with one id are two.
  static func isReused(_ one: SenderTally.SpanUse, _ other: SenderTally.SpanUse) -> Bool {
    one.id == other.id && abs(one.start.subtractingClamped(other.start)) > apart
  }

  /// Adds ids.
  ///
  /// - Returns: how many belong to another span that is known.
  mutating func add(_ uses: some Collection<SenderTally.SpanUse>, now: Int64) -> Int {
    guard !uses.isEmpty else { return 0 }
    if entries.isEmpty { entries = Array(repeating: Entry(), count: Self.capacity) }
    var reused = 0
    for use in uses {
      // The lowest bits are those by which ids are chosen.
      let place = Int(truncatingIfNeeded: use.id >> 4) & (Self.capacity - 1)
      let known = entries[place]
      if known.time != .min, now &- known.time < Self.memory {
        if Self.isReused(use, known.use) { reused += 1 }
      } else {
        entries[place] = Entry(use: use, time: now)
      }
    }
    return reused
  }
}

extension Int64 {
  /// The difference, at most a bit less than the largest number.
  fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
    let (difference, isBeyond) = subtractingReportingOverflow(other)
    return isBeyond || difference == .min ? .max : difference
  }
}
