import Foundation
import GRDB
import Synchronization

extension SpanStore {
  /// Spans removed in one transaction: few, so that writes get their turn soon.
  private static let spansPerExpiry = 1_000

  /// Removes what retention does not keep, in small transactions.
  func expire() async {
    var touched: Set<Term> = []
    while !Task.isCancelled, !isClosed {
      guard let expiry = try? await file.pool.writeWithoutTransaction({ try self.expireSome(on: $0) }),
        expiry.count > 0
      else { break }
      touched.formUnion(expiry.terms)
      metrics.spansExpired.count(expiry.count)
    }
    await forget(touched)
  }

  /// Forgets those of which no span is left. In pieces, as a store of many services has a great many terms.
  func forget(_ candidates: some Sequence<Term>) async {
    var rest = candidates.filter { $0.kind != .tagValue }
    while !rest.isEmpty, !isClosed {
      let piece = Array(rest.suffix(Self.termsPerExpiry))
      rest.removeLast(piece.count)
      try? await file.pool.writeWithoutTransaction { try self.forget(piece, on: $0) }
    }
  }

  private static let termsPerExpiry = 500

  private struct Expiry {
    var count = 0
    /// What the removed spans were found by.
    var terms: Set<Term> = []
  }

  /// Removes some of the oldest spans; 0 if all are to be kept.
  private func expireSome(on database: Database) throws -> Expiry {
    let retention = settings.retention
    let state = writer.withLock { (first: $0.firstID, next: $0.nextID, count: $0.count) }
    var expiry = Expiry()
    guard state.count > 0 else { return expiry }
    var excess = retention.maximumSpans.map { max(0, state.count - max(0, $0)) } ?? 0
    if let maximum = retention.maximumBytes, try usedBytes(database) > maximum { excess = max(excess, 1_000) }
    let cutoff = retention.maximumAge.map {
      settings.clock.milliseconds() &- ($0.components.seconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }
    var removed = 0
    try database.inTransaction(.immediate) {
      let rows = try Row.fetchAll(
        database.cachedStatement(sql: "SELECT id, trace, record FROM span WHERE id >= ? ORDER BY id LIMIT ?"),
        arguments: [state.first, Self.spansPerExpiry])
      let texts = texts.withLock { $0 }
      let delete = try database.cachedStatement(
        sql: "DELETE FROM posting WHERE term = ? AND time = ? AND trace = ?")
      var last: Int64?
      for row in rows {
        let trace = Int64.fromDatabaseValue(row[1]) ?? 0
        let record = try row.withUnsafeData(atIndex: 2) { data in
          data.flatMap { data in
            data.withUnsafeBytes { SpanRecord.decode($0, low: UInt64(bitPattern: trace), texts: texts) }
          }
        }
        let isOld = cutoff.map { cutoff in record.map { $0.received < cutoff } ?? true } ?? false
        guard removed < excess || isOld else { break }
        last = Int64.fromDatabaseValue(row[0])
        removed += 1
        guard let record else { continue }
        let time = Self.time(of: record.span, received: record.received)
        let found = Self.terms(of: record.span)
        expiry.terms.formUnion(found)
        let numbers = terms.withLock { terms in found.compactMap { terms.numbers[$0] } }
        for number in numbers { try delete.execute(arguments: [number, time, trace]) }
      }
      if let last {
        try database.cachedStatement(sql: "DELETE FROM span WHERE id BETWEEN ? AND ?")
          .execute(arguments: [state.first, last])
      }
      return .commit
    }
    let count = Int64(removed)
    writer.withLock { $0.firstID = min($0.nextID, $0.firstID &+ count) }
    expiry.count = removed
    return expiry
  }

  private func usedBytes(_ database: Database) throws -> Int {
    let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
    let size = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4_096
    return (pages - free).multipliedReportingOverflow(by: size).partialValue
  }

  /// Forgets services and operations of which no span is left.
  private func forget(_ candidates: [Term], on database: Database) throws {
    let numbers = terms.withLock { terms in candidates.map { ($0, terms.numbers[$0]) } }
    var gone: [Term] = []
    try database.inTransaction(.immediate) {
      for case (let term, let number?) in numbers {
        let statement = try database.cachedStatement(sql: "SELECT 1 FROM posting WHERE term = ? LIMIT 1")
        guard try Row.fetchOne(statement, arguments: [number]) == nil else { continue }
        try database.cachedStatement(sql: "DELETE FROM term WHERE id = ?").execute(arguments: [number])
        gone.append(term)
      }
      return .commit
    }
    terms.withLock { terms in
      for term in gone { terms.remove(term) }
    }
  }
}
