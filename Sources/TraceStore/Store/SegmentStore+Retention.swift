import GRDB
import PrometheusMetrics
import Synchronization
import TraceModel

extension SegmentStore {
  /// Blocks removed in one transaction: few, so that writes get their turn soon.
  private static let blocksPerExpiry = 500

  /// Removes what retention does not keep: whole segments, and of the newest spans whole blocks.
  func expire() async {
    await maintained {
      var removed = 0
      let cutoff = self.oldestKept()
      while !self.isClosed, let count = try? self.removeOldest(cutoff), count > 0 {
        self.metrics.spansExpired.increment(by: count)
        removed += count
      }
      if removed > 0 { try? self.forgetNames() }
      self.metrics.retentionRuns.increment()
    }
  }

  // MARK: Ages

  private var maximumAge: Int64? {
    settings.retention.maximumAge.map { $0.components.seconds.multipliedReportingOverflow(by: 1_000).partialValue }
  }

  /// The clock of a store that has just been opened. If the newest that it holds came in the future, or so long ago that
  /// nothing would be left, the clock may be wrong.
  func firstAges() -> AgeClock {
    let wall = settings.clock.milliseconds()
    let newest = manifest.withLock { $0.lastReceived }
    let isAhead = newest.map { $0 > wall &+ AgeClock.tolerance } ?? false
    let isBehind = newest.flatMap { newest in maximumAge.map { newest < wall &- $0 } } ?? false
    return AgeClock(wall: wall, steady: settings.steadyClock.milliseconds(), isDoubtful: isAhead || isBehind)
  }

  /// The time before which nothing is kept for its age, in milliseconds since 1970; nil if nothing goes for it now.
  private func oldestKept() -> Int64? {
    let (present, start) = ages.withLock { ages -> (AgeClock.Reading, Int64) in
      let start = ages.start
      let wall = settings.clock.milliseconds()
      return (ages.read(wall: wall, steady: settings.steadyClock.milliseconds()), start)
    }
    if present.leap != 0 { moveReceived(start...max(start, present.now &- present.leap), by: present.leap) }
    guard present.isTrusted else { return nil }
    // What came while an earlier run's clock was ahead counts as having come now.
    let future = present.now &+ AgeClock.tolerance
    if manifest.withLock({ $0.hasReceived(after: future) }) { moveReceived(future...Int64.max, to: present.now) }
    return maximumAge.map { present.now &- $0 }
  }

  private func moveReceived(_ range: ClosedRange<Int64>, by amount: Int64 = 0, to moment: Int64? = nil) {
    // A failure leaves them for the next start: until then they are right in memory.
    try? write { database in
      for table in ["segment", "block"] {
        try database.execute(
          sql: "UPDATE \(table) SET received = \(moment == nil ? "received + ?" : "?") WHERE received BETWEEN ? AND ?",
          arguments: [moment ?? amount, range.lowerBound, range.upperBound])
      }
    }
    manifest.withLock { $0.moveReceived(range) { moment ?? $0 &+ amount } }
  }

  // MARK: Removing

  /// Removes the oldest segment, or some of the oldest blocks; gives how many spans they had, 0 if all are to be kept.
  private func removeOldest(_ cutoff: Int64?) throws -> Int {
    let state = manifest.withLock { $0.pinnedCopy() }
    let retention = settings.retention
    var excess = retention.maximumSpans.map { max(0, state.spanCount - max(0, $0)) } ?? 0
    var excessBytes = try retention.maximumBytes.map { max(0, try usedBytes() - $0) } ?? 0

    if let segment = state.segments.first {
      // What came last stays, whatever its size.
      let isOnly = state.segments.count == 1 && state.blocks.isEmpty
      let isOld = cutoff.map { segment.received < $0 } ?? false
      guard isOld || !isOnly && (excess > 0 || excessBytes > 0) else { return 0 }
      try write { database in
        try database.execute(sql: "DELETE FROM segment WHERE id = ?", arguments: [segment.id])
        try database.execute(
          sql: "DELETE FROM piece WHERE id BETWEEN ? AND ?",
          arguments: [segment.id << 24, segment.id << 24 | 0xFF_FFFF])
      }
      manifest.withLock { $0.removeFirstSegment() }
      traceIndexes.remove(segment.id)
      return segment.count
    }

    var removed: [SpanBlock] = []
    for (index, block) in state.blocks.prefix(Self.blocksPerExpiry).enumerated() {
      let isOld = cutoff.map { block.received < $0 } ?? false
      let isLast = index == state.blocks.count - 1
      guard isOld || !isLast && (excess > 0 || excessBytes > 0) else { break }
      removed.append(block)
      excess -= block.count
      excessBytes -= block.batch.records.bytes.count
    }
    guard let last = removed.last else { return 0 }
    try write { try $0.execute(sql: "DELETE FROM block WHERE id <= ?", arguments: [last.id]) }
    let count = removed.count
    manifest.withLock { $0.removeBlocks(count) }
    return removed.reduce(0) { $0 + $1.count }
  }

  private func usedBytes() throws -> Int {
    try file.pool.read { database in
      let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
      let size = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4_096
      return (pages - free).multipliedReportingOverflow(by: size).partialValue
    }
  }

  /// Forgets names of which no span is left. In a turn of the writer, so that no new name comes in between.
  private func forgetNames() throws {
    try file.pool.writeWithoutTransaction { database in
      let state = manifest.withLock { $0 }
      var left = Set(names(of: state.blocks))
      for segment in state.segments {
        let some = try names(of: segment, database)
        names.withLock { table in left.formUnion(some.filter { table.contains($0) }) }
      }
      names.withLock { $0.keep(left) }
    }
  }
}
