import Foundation
import HTTPTypes
import PrometheusMetrics
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// What is acknowledged is on the disk.
@Suite struct DurabilityTests {
  private static func body(_ number: Int) -> [UInt8] {
    Array(
      #"[{"traceId":"\#(String(number + 1, radix: 16))","id":"1","name":"get /\#(number)","timestamp":\#(TestCollector.now)000,"tags":{"n":"\#(number)"},"localEndpoint":{"serviceName":"s\#(number % 7)"}}]"#
        .utf8)
  }

  @Test("After closing and opening again everything is there")
  func restart() async throws {
    let collector = try TestCollector()
    let full = try ParsedSpans.parse(Array(ZipkinSample.json.utf8), limits: CollectorLimits()).spans
    #expect(await collector.post(ZipkinSample.json).status == 202)
    for number in 0..<50 { #expect(await collector.post(Self.body(number)).status == 202) }

    let store = try collector.reopened()
    #expect(store.spanCount == 51)
    #expect(try await store.trace(full[0].traceID) == full)
    #expect(store.serviceNames() == ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "site"])
    #expect(
      store.spanNames(service: "s3") == ["get /10", "get /17", "get /24", "get /3", "get /31", "get /38", "get /45"])
    // And it goes on where it stopped: texts and numbers are not given out twice.
    let api = CollectorAPI(store: store)
    for number in 50..<80 {
      #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", Self.body(number)).status == 202)
    }
    #expect(store.spanCount == 81)
    for number in 0..<80 {
      let spans = try #require(try await store.trace(TraceID(low: UInt64(number) + 1)))
      #expect(spans.map(\.name) == ["get /\(number)"])
      #expect(spans.map { $0.tag("n") } == ["\(number)"])
    }
    try store.close()
  }

  @Test("What a killed process leaves holds everything that was acknowledged")
  func killed() async throws {
    let collector = try TestCollector()
    for number in 0..<40 { #expect(await collector.post(Self.body(number)).status == 202) }
    // The files as they are while the store is open.
    let copy = collector.directory.appending(path: "copy")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(
        atPath: collector.path + suffix, toPath: copy.appending(path: "spans.db\(suffix)").path)
    }
    let store = try SegmentStore(path: copy.appending(path: "spans.db").path)
    #expect(store.spanCount == 40)
    for number in 0..<40 {
      #expect(try await store.trace(TraceID(low: UInt64(number) + 1))?.first?.tag("n") == "\(number)")
    }
    try store.close()
  }

  @Test("No answer comes before the commit, and requests that wait share one")
  func groupCommit() async throws {
    let collector = try TestCollector()
    let (api, store) = (collector.api, collector.store)
    let release = collector.holdWriter()
    let (answers, answered) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          answered.yield(await TestCollector.send(to: api, .post, "/api/v2/spans", Self.body(number)).status)
        }
      }
      // Whatever comes of it: the group waits for its tasks, and they for the writer.
      defer { release.signal() }
      try await eventually { store.waitingSpanCount == 200 }
      #expect(store.spanCount == 0)
      #expect(api.metrics.spansAccepted.value == 0)
    }
    answered.finish()
    var statuses: [Int] = []
    for await status in answers { statuses.append(status) }
    #expect(statuses == [Int](repeating: 202, count: 200))
    #expect(store.spanCount == 200)
    #expect(api.metrics.commits.value == 1)
    #expect(api.metrics.spansAccepted.value == 200)
  }

  @Test("Concurrent posts and queries: every acknowledged span is found at once")
  func concurrency() async throws {
    let collector = try TestCollector()
    let api = collector.api
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<100 {
        group.addTask {
          #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", Self.body(number)).status == 202)
          let id = String(number + 1, radix: 16)
          let reply = await TestCollector.send(to: api, .get, "/api/v2/trace/\(id)")
          #expect(reply.status == 200)
          #expect(reply.text.contains(#""name":"get /\#(number)""#))
          let search = await TestCollector.send(to: api, .get, "/api/v2/traces?spanName=get+/\(number)")
          let found = try search.traces()
          #expect(found.count == 1)
        }
      }
      try await group.waitForAll()
    }
    #expect(api.metrics.commits.value <= 100)
  }

  @Test("After closing, writes and queries are refused with 503")
  func closed() async throws {
    let collector = try TestCollector()
    #expect(await collector.post(Self.body(1)).status == 202)
    try collector.store.close()
    try collector.store.close()
    let post = await collector.post(Self.body(2))
    #expect(post.status == 503)
    #expect(post.text == "the trace store has been closed; send again when it is open\n")
    #expect(await collector.get("/api/v2/trace/2").status == 503)
    await collector.store.expire()
  }

  @Test("Closing waits for the writes that were begun")
  func closingWaits() async throws {
    let collector = try TestCollector()
    let (api, store) = (collector.api, collector.store)
    let release = collector.holdWriter()
    async let reply = TestCollector.send(to: api, .post, "/api/v2/spans", Self.body(1))
    try await eventually { store.waitingSpanCount == 1 }
    let (closed, closing) = AsyncStream.makeStream(of: Void.self)
    Thread {
      try? store.close()
      closing.finish()
    }.start()
    try await eventually { store.isClosed }
    #expect(await collector.post(Self.body(2)).status == 503)
    release.signal()
    #expect(await reply.status == 202)
    for await _ in closed {}
    let reopened = try SegmentStore(path: collector.path, settings: collector.settings)
    #expect(reopened.spanCount == 1)
    try reopened.close()
  }

  @Test("Only the owner can read the files")
  func permissions() async throws {
    let collector = try TestCollector()
    #expect(await collector.post(Self.body(1)).status == 202)
    for suffix in ["", "-wal", "-shm", ".lock"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: collector.path + suffix)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
  }
}
