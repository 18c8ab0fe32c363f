/// Which lines of a log are written when others can cause as many as they like, as a value.
///
/// Each kind of line is written a number of times a minute, and all kinds together another number of times, so that neither one kind
/// fills the log nor many kinds do. It is known how many lines were not written since the last one that was.
package struct LogLimit: Sendable {
  /// How many lines of one kind are written in a minute.
  package let linesPerKind: Int
  /// How many lines are written in a minute; also the largest number of kinds that are kept in memory.
  package let lines: Int
  private var minute = ContinuousClock.Instant?.none
  /// The lines that were written in this minute, by kind.
  private var written: [String: Int] = [:]
  private var total = 0
  private var unlogged = 0

  /// A limit of which nothing is used.
  package init(linesPerKind: Int = 1, lines: Int = 60) {
    self.linesPerKind = linesPerKind
    self.lines = lines
  }

  /// Asks for a line.
  ///
  /// - Returns: how many lines were not written since the last one that was; `nil` if this one is not to be written either.
  package mutating func admit(_ kind: String, at now: ContinuousClock.Instant = .now) -> Int? {
    if minute.map({ $0.duration(to: now) >= .seconds(60) }) ?? true {
      minute = now
      written = [:]
      total = 0
    }
    guard total < lines, written[kind, default: 0] < linesPerKind else {
      unlogged &+= 1
      return nil
    }
    written[kind, default: 0] += 1
    total += 1
    defer { unlogged = 0 }
    return unlogged
  }
}
