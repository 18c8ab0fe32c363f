import Foundation
import GRDB
import HTTPTypes
import PrometheusMetrics
import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What the store says and does when its file cannot be used.
@Suite struct StoreFailureTests {
  private static let body = Array(
    #"[{"traceId":"1","id":"1","name":"get /","timestamp":1790812800000000,"localEndpoint":{"serviceName":"late"}}]"#
      .utf8)

  @Test("A full disk is told to the sender, nothing half is stored, and with room it goes on")
  func fullDisk() async throws {
    // A trial write is small and has room: it would end the trouble before the test has asked for it.
    let collector = try TestCollector { $0.patience = .seconds(3_600) }
    try await collector.add(span(trace: 9, 1, service: "early"))
    _ = try collector.limitPages(more: 1)
    var count = 1
    while try await collector.tryAdd((0..<50).map { span(trace: UInt64(count + $0), 1, service: "early") }) {
      count += 50
    }
    let large =
      #"[{"traceId":"1","id":"1","localEndpoint":{"serviceName":"late"},"tags":{"a":"\#(String(repeating: "xy", count: 30_000))"}}]"#
    let refused = await collector.post(large)
    #expect(refused.status == 503)
    #expect(refused.field("Retry-After") == "1")
    #expect(
      refused.text
        == "the trace store \(collector.path) cannot be written: the disk is full; make room, then send again\n")
    #expect(collector.store.serviceNames() == ["early"])
    #expect(collector.store.spanCount == count)
    let health = await collector.get("/health")
    #expect(health.status == 503)
    #expect(health.text.contains("the disk is full; make room, then send again"))
    #expect(await collector.get("/api/v2/trace/9").status == 200)

    try await collector.store.file.pool.writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA max_page_count = 1000000")
    }
    #expect(await collector.post(large).status == 202)
    #expect(await collector.get("/health").status == 200)
    #expect(collector.store.serviceNames() == ["early", "late"])
    #expect(collector.store.spanCount == count + 1)
    let store = try collector.reopened()
    #expect(store.spanCount == count + 1)
    #expect(store.serviceNames() == ["early", "late"])
    try store.close()
  }

  @Test(
    "Of files that are deleted or replaced senders, and whoever asks for its health, are told; put back, it goes on",
    arguments: ["", "-wal", "-shm"], [false, true])
  func lostFile(suffix: String, isReplaced: Bool) async throws {
    let reports = Mutex<[String?]>([])
    let collector = try TestCollector {
      $0.report = { report in reports.withLock { $0.append(report) } }
      $0.patience = .zero
    }
    #expect(await collector.post(Self.body).status == 202)
    #expect(await collector.get("/health").status == 200)
    let (lost, aside) = (collector.path + suffix, collector.directory.appending(path: "aside").path)
    try FileManager.default.moveItem(atPath: lost, toPath: aside)
    if isReplaced { try FileManager.default.copyItem(atPath: aside, toPath: lost) }
    // Asked before anybody has written.
    let health = await collector.get("/health")
    #expect(health.status == 503)
    let words = "\(lost) was \(isReplaced ? "replaced" : "deleted") while it was open; move the original file back"
    #expect(health.text.replacing("\\/", with: "/").contains(words))
    let refused = await collector.post(Self.body)
    #expect(refused.status == 503)
    #expect(refused.text.hasPrefix("the trace store \(collector.path) cannot be written: \(words)"))
    await collector.store.expire()
    #expect(await collector.get("/api/v2/trace/1").status == 200)
    #expect(collector.store.spanCount == 1)

    if isReplaced { try FileManager.default.removeItem(atPath: lost) }
    try FileManager.default.moveItem(atPath: aside, toPath: lost)
    // Whoever asks for the health lets the store notice that the trouble is over.
    #expect(await collector.get("/health").status == 200)
    #expect(await collector.post(Self.body).status == 202)
    #expect(await collector.get("/health").status == 200)
    #expect(reports.withLock { $0 }.count == 2)
    let store = try collector.reopened()
    #expect(store.spanCount == 2)
    try store.close()
  }

  @Test("A database that another program has locked gives 503, reading goes on, and later it is stored")
  func locked() async throws {
    let collector = try TestCollector { $0.busyTimeout = 0.05 }
    #expect(await collector.post(Self.body).status == 202)
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: collector.path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    let refused = await collector.post(Self.body)
    #expect(refused.status == 503)
    #expect(
      refused.text
        == "the trace store \(collector.path) cannot be written: another program has locked it; end that program, then send again\n"
    )
    #expect(await collector.get("/api/v2/trace/1").status == 200)
    await collector.store.expire()
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    #expect(await collector.post(Self.body).status == 202)
    #expect(collector.store.spanCount == 2)
    #expect(collector.api.metrics.spansDropped.value == 1)
    try other.close()
  }

  private func open(_ path: String) throws -> String {
    let error = #expect(throws: CollectorError.self) { try SegmentStore(path: path) }
    return error?.message ?? ""
  }

  @Test("A file that is not a database is refused and left as it is")
  func noDatabase() throws {
    let collector = try TestCollector()
    let path = collector.directory.appending(path: "notes.txt").path
    let notes = Data(String(repeating: "not a database\n", count: 500).utf8)
    try notes.write(to: URL(filePath: path))
    #expect(
      try open(path)
        == "the trace store \(path) cannot be opened: it is damaged or not a database; move it away to start with an empty one"
    )
    #expect(try Data(contentsOf: URL(filePath: path)) == notes)
  }

  @Test("A damaged file gives errors that say so, and nothing traps")
  func damaged() async throws {
    let collector = try TestCollector()
    for number in 0..<30 {
      _ = try await collector.store.add(
        (0..<40).map { span(trace: UInt64(1 + number * 40 + $0), 1, name: "get /\(number)/\($0)", at: Int64($0)) })
    }
    try collector.store.close()
    let whole = try Data(contentsOf: URL(filePath: collector.path))
    // All of it has come out of the write-ahead log.
    #expect(whole.count > 15 * 4_096)
    var refusals = 0
    for page in stride(from: 1, to: whole.count / 4_096, by: 3) {
      var changed = whole
      for index in (page * 4_096)..<(page * 4_096 + 4_096) { changed[index] = 0xA5 }
      let path = collector.directory.appending(path: "damaged-\(page).db").path
      try changed.write(to: URL(filePath: path))
      do {
        let store = try SegmentStore(path: path)
        let api = CollectorAPI(store: store)
        for target in ["/api/v2/traces?limit=1000&endTs=\(TestCollector.now)", "/api/v2/trace/5"] {
          let reply = await TestCollector.send(to: api, .get, target)
          if reply.status == 503 {
            refusals += 1
            #expect(reply.text.contains("it is damaged") && reply.text.contains("away to start with an empty one"))
          }
        }
        _ = await TestCollector.send(to: api, .post, "/api/v2/spans", Self.body)
        try? store.close()
      } catch {
        refusals += 1
        #expect(error.message.contains("it is damaged") && error.message.contains("away to start with an empty one"))
      }
    }
    #expect(refusals > 0)
  }

  @Test("Files of others and of newer versions are refused")
  func foreignFiles() throws {
    let collector = try TestCollector()
    let foreign = collector.directory.appending(path: "foreign.db").path
    let queue = try DatabaseQueue(path: foreign)
    try queue.write { try $0.execute(sql: "CREATE TABLE recipes (name TEXT)") }
    try queue.close()
    #expect(try open(foreign) == "the file \(foreign) is a database of another program; give another path")

    try collector.store.file.pool.write {
      try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99 from the future')")
    }
    try collector.store.close()
    #expect(
      try open(collector.path)
        == "the trace store \(collector.path) was written by a newer version of this program: its schema is \"99 from the future\", and this program knows \"3 canary\"; start that version, or give another path"
    )
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

  @Test("Two collectors do not share a file")
  func inUse() throws {
    let collector = try TestCollector()
    #expect(
      try open(collector.path)
        == "the trace store \(collector.path) is locked by process \(getpid()), another collector; stop it, or give another path"
    )
    try collector.store.close()
    try SegmentStore(path: collector.path).close()
  }

  @Test("Paths that cannot be used are named")
  func paths() throws {
    let collector = try TestCollector()
    #expect(try open("") == "the trace store has no usable path; give the path of a file")
    #expect(try open("a\u{0}b") == "the trace store has no usable path; give the path of a file")
    #expect(
      try open("/proc/none/spans.db").hasPrefix(
        "the directory /proc/none of the trace store /proc/none/spans.db cannot be created: "))
    let directory = collector.directory.appending(path: "deep").path
    #expect(try open(directory).hasPrefix("the trace store \(directory) cannot be opened: "))
  }
}
