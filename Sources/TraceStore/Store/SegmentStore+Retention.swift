import GRDB
import PrometheusMetrics
import Synchronization
import TraceModel

extension SegmentStore {
  /// How many blocks one transaction deletes: few, so that commits do not wait long.
  private static let blocksPerExpiry = 500

  /// Deletes what retention does not keep: whole segments, and whole blocks of spans that are not compacted yet.
  func expire() async {
    await maintained {
      var removed = 0
      let cutoff = self.ageCutoff()
      while !self.isClosed, let count = try? self.removeOldest(cutoff), count > 0 {
        self.metrics.spansExpired.increment(by: count)
        removed += count
      }
      if removed > 0 { try? self.pruneNames() }
      if let cutoff, !self.isClosed { try? self.removeCanaries(before: cutoff) }
      self.metrics.retentionRuns.increment()
    }
  }

  // MARK: Ages

  private var maximumAge: Int64? {
    settings.retention.maximumAge.map { $0.components.seconds.multipliedReportingOverflow(by: 1_000).partialValue }
  }

  /// The clock of a store that has just been opened. The time of day may be wrong if the newest span was received in the future, or
  /// so long ago that retention would delete every span.
  func initialClock() -> AgeClock {
    let wall = settings.clock.milliseconds()
    let newest = manifest.withLock { $0.lastReceived }
    let isAhead = newest.map { $0 > wall &+ AgeClock.tolerance } ?? false
    let isBehind = newest.flatMap { newest in maximumAge.map { newest < wall &- $0 } } ?? false
    return AgeClock(wall: wall, steady: settings.steadyClock.milliseconds(), isSuspect: isAhead || isBehind)
  }

  /// Retention deletes spans that were received before this time, in milliseconds since 1970; nil if it deletes none by age.
  private func ageCutoff() -> Int64? {
    let (present, start) = ages.withLock { ages -> (AgeClock.Reading, Int64) in
      let start = ages.start
      let wall = settings.clock.milliseconds()
      return (ages.read(wall: wall, steady: settings.steadyClock.milliseconds()), start)
    }
    if present.jump != 0 { moveReceived(start...max(start, present.now &- present.jump), by: present.jump) }
    guard present.isTrusted else { return nil }
    // Spans that were received while an earlier run's clock was ahead count as received now.
    let future = present.now &+ AgeClock.tolerance
    if manifest.withLock({ $0.hasReceived(after: future) }) { moveReceived(future...Int64.max, to: present.now) }
    return maximumAge.map { present.now &- $0 }
  }

  private func moveReceived(_ range: ClosedRange<Int64>, by amount: Int64 = 0, to moment: Int64? = nil) {
    // After a failure the next start corrects the file. Until then the times in memory are correct.
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

  /// Deletes the oldest segment, or some of the oldest blocks. Returns how many spans it deleted.
  private func removeOldest(_ cutoff: Int64?) throws -> Int {
    let state = manifest.withLock { $0.pinnedCopy() }
    let retention = settings.retention
    var excess = retention.maximumSpans.map { max(0, state.spanCount - max(0, $0)) } ?? 0
    var excessBytes = try retention.maximumBytes.map { max(0, try usedBytes() - $0) } ?? 0

    if let segment = state.segments.first {
      // The newest segment stays, whatever its size.
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

  /// Removes names of which no span is left. It runs on the writer's queue, so that no name is added meanwhile.
  private func pruneNames() throws {
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
