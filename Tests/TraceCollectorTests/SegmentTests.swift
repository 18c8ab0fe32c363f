import Foundation
import GRDB
import HTTPTypes
import MeshTestSupport
import Synchronization
import Testing

@testable import TraceModel
@testable import TraceStore

/// Spans in order on the disk: nothing may tell whether they are in blocks, in segments or in both.
@Suite(.heavy) struct SegmentTests {
  /// Numbers that look random and are the same in every run.
  private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var value = state
      value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
      value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
      return value ^ value >> 31
    }
  }

  /// Traces of a few services with common and rare tags, their spans mixed as they come from several senders.
  private static func spans(_ traces: Int, seed: UInt64) -> [Span] {
    var dice = Dice(state: seed)
    var spans: [Span] = []
    for trace in 1...traces {
      let root = UInt64.random(in: 1...(.max), using: &dice)
      for number in 0..<Int.random(in: 1...6, using: &dice) {
        var tags = [Span.Tag("http.method", "GET"), .init("n", "\(Int.random(in: 0..<20, using: &dice))")]
        if Int.random(in: 0..<15, using: &dice) == 0 { tags.append(.init("error", "true")) }
        if Int.random(in: 0..<40, using: &dice) == 0 { tags.append(.init("rare", "x\(trace % 3)")) }
        spans.append(
          span(
            trace: root, UInt64(number + 1),
            parent: number == 0 ? nil : UInt64(Int.random(in: 1...number, using: &dice)),
            [nil, .client, .server][Int.random(in: 0..<3, using: &dice)],
            service: "s\(Int.random(in: 0..<4, using: &dice))", name: "get /\(Int.random(in: 0..<5, using: &dice))",
            at: Int64(trace * 3 + number), for: Int64.random(in: 0..<3_000, using: &dice),
            remote: Int.random(in: 0..<3, using: &dice) == 0 ? "s\(Int.random(in: 0..<4, using: &dice))" : "",
            tags: tags,
            annotations: trace % 50 == 0 ? [.init(timestamp: 5, value: "retry")] : []))
      }
    }
    // Neighbours change places, so that traces lie across blocks and segments.
    for index in spans.indices {
      spans.swapAt(index, min(spans.count - 1, index + Int.random(in: 0..<40, using: &dice)))
    }
    return spans
  }

  private static func queries(seed: UInt64) -> [TraceQuery] {
    var dice = Dice(state: seed)
    func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &dice) == 0 }
    return (0..<120).map { _ in
      let end = TestCollector.now - 60_000 + Int64.random(in: 0..<2_500, using: &dice)
      var query = TraceQuery(endTs: end, lookback: Int64.random(in: 1..<3_000, using: &dice), limit: 1_000)
      if chance(2) { query.serviceName = "s\(Int.random(in: 0..<5, using: &dice))" }
      if chance(4) { query.spanName = "get /\(Int.random(in: 0..<6, using: &dice))" }
      if chance(6) { query.remoteServiceName = "s\(Int.random(in: 0..<4, using: &dice))" }
      if chance(5) { query.errorsOnly = true }
      if chance(4) { query.minDuration = Int64.random(in: 1..<3_000, using: &dice) }
      if query.minDuration != nil, chance(2) { query.maxDuration = query.minDuration.map { $0 + 500 } }
      if chance(3) { query.annotations = [("n", "\(Int.random(in: 0..<22, using: &dice))")] }
      if chance(5) { query.annotations += [("rare", chance(2) ? "" : "x1")] }
      if chance(9) { query.annotations += [("retry", "")] }
      return query
    }
  }

  @Test("Every query finds what looking at all traces finds, wherever the spans lie", arguments: [100_000, 250, 40])
  func oracle(segmentSpans: Int) async throws {
    let collector = try TestCollector { $0.segmentSpans = segmentSpans }
    let spans = Self.spans(600, seed: 7)
    var rest = spans[...]
    var size = 1
    while !rest.isEmpty {
      _ = try await collector.store.add(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
      size = size % 30 + 1
    }
    await collector.store.maintained {}
    let segmentCount = collector.store.shelf.withLock { $0.segments.count }
    #expect(segmentCount > 3 || segmentSpans == 100_000)
    let traces = Dictionary(grouping: spans, by: \.traceID.low).values.map { TraceAssembly.merged($0) }

    for isReopened in [false, true] {
      let store = isReopened ? try collector.reopened() : collector.store
      #expect(store.spanCount == spans.count)
      for trace in traces.prefix(200) {
        let found = try #require(try await store.trace(trace[0].traceID))
        #expect(Set(found.map(\.id)) == Set(trace.map(\.id)))
        for span in trace { #expect(found.contains(span)) }
      }
      for query in Self.queries(seed: 3) {
        let expected = traces.filter(query.matches)
        let found = try await store.search(query)
        #expect(found.isComplete)
        #expect(Set(found.traces.map { $0[0].traceID }) == Set(expected.map { $0[0].traceID }), "\(query)")
        let starts = found.traces.compactMap { TraceTimes.timestamp(of: $0) }
        #expect(starts == starts.sorted(by: >))
        var few = query
        few.limit = 3
        let newest = expected.compactMap { TraceTimes.timestamp(of: $0) }.sorted(by: >).prefix(3)
        let first = try await store.search(few).traces.compactMap { TraceTimes.timestamp(of: $0) }
        #expect(first == Array(newest), "\(query)")
      }
      if isReopened { try store.close() }
    }
  }

  @Test("Calls are counted once, whatever lies where, and after a restart too")
  func calls() async throws {
    let spans = Self.spans(300, seed: 11)
    var results: [ServiceGraph] = []
    for segmentSpans in [100_000, 120] {
      let collector = try TestCollector { $0.segmentSpans = segmentSpans }
      for first in stride(from: 0, to: spans.count, by: 10) {
        _ = try await collector.store.add(Array(spans[first..<min(first + 10, spans.count)]))
        // Also in between, when parts of traces are there.
        if first % 200 == 0 { _ = try await collector.store.graph(endTs: TestCollector.now, lookback: 3_600_000) }
      }
      await collector.store.maintained {}
      results.append(try await collector.store.graph(endTs: TestCollector.now, lookback: 3_600_000))
      let store = try collector.reopened()
      results.append(try await store.graph(endTs: TestCollector.now, lookback: 3_600_000))
      try store.close()
    }
    #expect(results[0].services.map(\.spans).reduce(0, +) == spans.count)
    #expect(results[0].edges.count > 4)
    for result in results.dropFirst() { #expect(result == results[0]) }
  }

  @Test("A sender that sends everything twice changes no answer")
  func twice() async throws {
    let spans = Self.spans(100, seed: 5)
    var graphs: [ServiceGraph] = []
    for copies in [1, 2] {
      let collector = try TestCollector { $0.segmentSpans = 60 }
      for _ in 0..<copies {
        for first in stride(from: 0, to: spans.count, by: 20) {
          _ = try await collector.store.add(Array(spans[first..<min(first + 20, spans.count)]))
        }
      }
      await collector.store.maintained {}
      let found = try await collector.store.search(
        TraceQuery(endTs: TestCollector.now, lookback: 3_600_000, limit: 1_000))
      #expect(found.traces.count == 100)
      #expect(found.traces.map(\.count).reduce(0, +) == spans.count)
      graphs.append(try await collector.store.graph(endTs: TestCollector.now, lookback: 3_600_000))
    }
    #expect(graphs[0] == graphs[1])
  }

  @Test("What was begun of a segment when the process ended is removed, and done again")
  func unfinished() async throws {
    let collector = try TestCollector { $0.segmentSpans = 100 }
    _ = try await collector.store.add(Self.spans(60, seed: 2).prefix(90).map { $0 })
    try await collector.store.file.pool.writeWithoutTransaction { database in
      try database.execute(
        sql: "INSERT INTO piece (id, data) VALUES (?, x'00'), (?, x'00')", arguments: [1 << 24, 5 << 24])
    }
    let store = try collector.reopened()
    #expect(store.spanCount == 90)
    let count = try await store.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM piece") }
    #expect(count == 0)
    try store.close()
  }

  @Test("A file of version 1 opens with all its spans")
  func versionOne() async throws {
    let collector = try TestCollector { $0.segmentSpans = 500 }
    let spans = Self.spans(700, seed: 9)
    try collector.store.close()
    let directory = collector.directory.appending(path: "one")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let path = directory.appending(path: "spans.db").path
    try Self.writeVersionOne(spans, to: path)

    for _ in 0..<2 {
      let store = try SpanStore(path: path, settings: collector.settings)
      #expect(store.spanCount == spans.count)
      #expect(store.serviceNames() == ["s0", "s1", "s2", "s3"])
      let found = try await store.search(TraceQuery(endTs: TestCollector.now, lookback: 3_600_000, limit: 1_000))
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
            Data(SpanRecordTests.encode(span, received: TestCollector.now - 1_000, texts: texts)),
          ])
      }
      for (index, text) in texts.texts.enumerated() {
        try database.execute(sql: "INSERT INTO text VALUES (?, ?)", arguments: [index, text])
      }
    }
    try database.close()
  }

  @Test("The observer is told of every span that is stored, and of no other")
  func observer() async throws {
    let collector = try TestCollector()
    let (told, telling) = AsyncStream.makeStream(of: [Span].self)
    collector.store.observe { telling.yield($0.spans()) }
    let spans = [span(1, service: "a"), span(2, service: "b")]
    try await collector.store.add(spans)
    let used = try collector.limitPages(more: 0)
    #expect(used > 0)
    // Nothing fits any more.
    let large = span(3, service: "c", tags: [.init("a", String(repeating: "xy", count: 30_000))])
    #expect(try await collector.tryAdd([large]) == false)
    try await collector.store.file.pool.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA max_page_count = 1000000")
    }
    let last = span(4, service: "a")
    try await collector.add(last)
    telling.finish()
    var batches: [[Span]] = []
    for await batch in told { batches.append(batch) }
    #expect(batches == [spans, [last]])
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
