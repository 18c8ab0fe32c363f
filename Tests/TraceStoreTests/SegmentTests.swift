import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// What the segment store does with its file. That its answers do not depend on where spans are is in `SpanStoreContract`.
@Suite(.heavy) struct SegmentTests {
  @Test("A segment that was unfinished when the process ended is removed and built again")
  func unfinished() async throws {
    let test = try TestStore { $0.segmentSpans = 100 }
    _ = try await test.store.add(SampleSpans.spans(60, seed: 2).prefix(90).map { $0 })
    try await test.store.file.pool.writeWithoutTransaction { database in
      try database.execute(
        sql: "INSERT INTO piece (id, data) VALUES (?, x'00'), (?, x'00')", arguments: [1 << 24, 5 << 24])
    }
    let store = try test.reopened()
    #expect(store.spanCount == 90)
    let count = try await store.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM piece") }
    #expect(count == 0)
    try store.close()
  }

  @Test("A file of version 1 opens with all its spans")
  func versionOne() async throws {
    let test = try TestStore { $0.segmentSpans = 500 }
    let spans = SampleSpans.spans(700, seed: 9)
    try test.store.close()
    let folder = try TemporaryFolder()
    let path = folder.file("one.db")
    try Self.writeVersionOne(spans, to: path)

    for _ in 0..<2 {
      let store = try SegmentStore(path: path, settings: test.settings)
      #expect(store.spanCount == spans.count)
      #expect(store.serviceNames() == ["s0", "s1", "s2", "s3"])
      let found = try await store.search(TraceQuery(endTs: SampleSpans.now, lookback: 3_600_000, limit: 1_000))
      #expect(found.traces.count == 700)
      #expect(found.traces.map(\.count).reduce(0, +) == spans.count)
      for trace in found.traces.prefix(50) { for span in trace { #expect(spans.contains(span)) } }
      try await store.add([span(trace: 1, 1)])
      try store.close()
      try await DatabaseQueue(path: path).write { database in
        #expect(try !database.tableExists("span"))
        try database.execute(sql: "DELETE FROM block WHERE id = (SELECT max(id) FROM block)")
      }
    }
  }

  /// A file as version 1 left it: its tables, with a record in each row.
  private static func writeVersionOne(_ spans: [Span], to path: String) throws {
    let database = try DatabaseQueue(path: path)
    try database.write { database in
      try database.execute(
        sql: """
          PRAGMA application_id = \(0x6b6d_7472);
          CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
          INSERT INTO grdb_migrations VALUES ('1 spans');
          CREATE TABLE span (id INTEGER NOT NULL PRIMARY KEY, trace INTEGER NOT NULL, record BLOB NOT NULL) STRICT;
          CREATE INDEX span_by_trace ON span (trace);
          CREATE TABLE text (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT;
          CREATE TABLE term (
            id INTEGER NOT NULL PRIMARY KEY, kind INTEGER NOT NULL, service TEXT NOT NULL, value TEXT NOT NULL,
            UNIQUE (kind, service, value)) STRICT;
          CREATE TABLE posting (
            term INTEGER NOT NULL, time INTEGER NOT NULL, trace INTEGER NOT NULL, PRIMARY KEY (term, time, trace)
          ) STRICT, WITHOUT ROWID;
          INSERT INTO term VALUES (1, 0, 's0', '');
          """)
      let texts = TextTable()
      for (index, span) in spans.enumerated() {
        try database.execute(
          sql: "INSERT INTO span VALUES (?, ?, ?)",
          arguments: [
            index + 1, Int64(bitPattern: span.traceID.low),
            Data(SpanRecordTests.encode(span, received: SampleSpans.now - 1_000, texts: texts)),
          ])
      }
      for (index, text) in texts.texts.enumerated() {
        try database.execute(sql: "INSERT INTO text VALUES (?, ?)", arguments: [index, text])
      }
    }
    try database.close()
  }

  @Test("Of one or two spans of a row it is known exactly whether one has a length, of more and of older rows not")
  func lengths() {
    func stored(_ durations: [Int64]) -> RowLengths {
      var lengths = RowLengths()
      for duration in durations { lengths.add(duration) }
      var writer = ByteWriter()
      lengths.write(to: &writer)
      return writer.bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        let read = RowLengths(&reader)
        #expect(reader.isAtEnd && !reader.isDamaged)
        return read
      }
    }
    for durations: [Int64] in [[5], [5, 9], [9, 5], [0, 9], [5, 7, 9], [.max, 0, 5]] {
      let lengths = stored(durations)
      for range: ClosedRange<Int64> in [5...5, 6...8, 9...100, 1...4, 10...20, 0...(.max)] {
        let isThere = durations.contains { range.contains($0) }
        #expect(!isThere || lengths.mayBe(in: range), "\(durations) in \(range)")
        if durations.count <= 2 { #expect(lengths.mayBe(in: range) == isThere, "\(durations) in \(range)") }
      }
    }
    #expect(!stored([5, 7, 9]).mayBe(in: 10...20))
    #expect(RowLengths(longest: 9).mayBe(in: 6...8))
    #expect(!RowLengths(longest: 9).mayBe(in: 10...20))
  }
}
