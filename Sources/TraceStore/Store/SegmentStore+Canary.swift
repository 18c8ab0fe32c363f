import Foundation
import GRDB
import TraceModel

/// Traces of the canary are rows of a table of their own, so that nothing that lists, counts, compacts or analyses spans meets them.
/// They are written in the transactions of all spans, and a query that asks for them reads them from the file.
extension SegmentStore {
  /// Writes a trace of the canary within a transaction, and deletes the oldest one beyond the limit.
  func write(canary batch: SpanBatch, received: Int64, on database: Database) throws {
    guard let low = batch.entries.first?.traceID.low else { return }
    try database.cachedStatement(sql: "INSERT INTO canary (trace, received, data) VALUES (?, ?, ?)")
      .execute(arguments: [Int64(bitPattern: low), received, Data(SpanBlock.encode(batch))])
    try database.cachedStatement(sql: "DELETE FROM canary WHERE id <= ?")
      .execute(arguments: [database.lastInsertedRowID - Int64(limits.canaryTraces)])
  }

  /// The traces of the canary as blocks, of which a search takes a snapshot with all others.
  func canaryBlocks(_ database: Database) throws -> [SpanBlock] {
    try canaries(database).map { canary in
      var batch = SpanBatch()
      var scratch = SpanEncoder.Scratch()
      for (span, received) in canary.spans {
        encoder.encode(stored: span, received: received, to: &batch, with: &scratch)
      }
      return SpanBlock(id: 0, batch: batch, received: canary.received)
    }
  }

  /// The spans of the canary whose trace ids have a low half.
  func canarySpans(of low: UInt64, _ database: Database) throws -> [Span] {
    try canaries(database, of: low).flatMap { $0.spans.map(\.span) }
  }

  /// Deletes traces of the canary that are older than retention keeps spans.
  ///
  /// - Parameter cutoff: in milliseconds since 1970.
  func removeCanaries(before cutoff: Int64) throws {
    let hasSome = try file.pool.read { database in
      try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT * FROM canary WHERE received < ?)", arguments: [cutoff])
    }
    guard hasSome == true else { return }
    try write { try $0.execute(sql: "DELETE FROM canary WHERE received < ?", arguments: [cutoff]) }
  }

  private func canaries(
    _ database: Database, of low: UInt64? = nil
  ) throws -> [(spans: [(span: Span, received: Int64)], received: Int64)] {
    let rows = try Row.fetchCursor(
      database, sql: "SELECT received, data FROM canary WHERE ?1 IS NULL OR trace = ?1 ORDER BY id",
      arguments: [low.map { Int64(bitPattern: $0) }])
    let texts = encoder.texts.texts
    var canaries: [(spans: [(span: Span, received: Int64)], received: Int64)] = []
    while let row = try rows.next() {
      guard let received = Int64.fromDatabaseValue(row[0]) else { continue }
      let spans = try row.withUnsafeData(atIndex: 1) { data in
        try data?.withUnsafeBytes { try SpanBlock.decode($0, texts: texts) } ?? []
      }
      canaries.append((spans, received))
    }
    return canaries
  }
}
