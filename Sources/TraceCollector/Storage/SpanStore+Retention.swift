import GRDB
import Synchronization

extension SpanStore {
  /// Blocks removed in one transaction: few, so that writes get their turn soon.
  private static let blocksPerExpiry = 500

  /// Removes what retention does not keep: whole segments, and of the newest spans whole blocks.
  func expire() async {
    await maintained {
      var removed = 0
      while !self.isClosed, let count = try? self.removeOldest(), count > 0 {
        self.metrics.spansExpired.count(count)
        removed += count
      }
      if removed > 0 { try? self.forgetNames() }
    }
  }

  /// Removes the oldest segment, or some of the oldest blocks; gives how many spans they had, 0 if all are to be kept.
  private func removeOldest() throws -> Int {
    let state = shelf.withLock { $0.pinnedCopy() }
    let retention = settings.retention
    let cutoff = retention.maximumAge.map {
      settings.clock.milliseconds() &- ($0.components.seconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }
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
      shelf.withLock { $0.removeFirstSegment() }
      outlines.remove(segment.id)
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
    shelf.withLock { $0.removeBlocks(count) }
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
      let state = shelf.withLock { $0 }
      let left = try names(of: state.segments, database).union(names(of: state.blocks))
      names.withLock { $0.keep(left) }
    }
  }
}
