import HTTPTypes
import PrometheusMetrics
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel
@testable import TraceStore

/// Ids whose bytes some Envoys reverse in Zipkin's protobuf.
@Suite struct IDOrderTests {
  private static let low: UInt64 = 0x1122_3344_5566_7788
  private static let high: UInt64 = 0x99AA_BBCC_DDEE_FF01

  /// A list in protobuf, the ids of its spans reversed or not; the trace's id is right in both.
  private func report(_ spans: [Span], reversed: Bool) -> [UInt8] {
    ProtobufBytes { list in
      for span in spans {
        list.message(1) { message in
          let id = { (id: UInt64) in reversed ? id.byteSwapped : id }
          if span.traceID.high != 0 {
            message.id(1, span.traceID.high, span.traceID.low)
          } else {
            message.id(1, span.traceID.low)
          }
          if let parent = span.parentID { message.id(2, id(parent)) }
          message.id(3, id(span.id))
          if let kind = span.kind { message.number(4, UInt64(kind.rawValue)) }
          message.text(5, span.name)
          message.fixed(6, UInt64(span.timestamp))
          message.number(7, UInt64(span.duration))
          message.message(8) { $0.text(1, span.serviceName) }
          for tag in span.tags {
            message.message(11) {
              $0.text(1, tag.key)
              $0.text(2, tag.value)
            }
          }
          if span.isShared { message.number(13, 1) }
        }
      }
    }.bytes
  }

  private func send(_ spans: [Span], reversed: Bool, to collector: TestCollector) async {
    let reply = await collector.post(
      report(spans, reversed: reversed), fields: [.contentType: "application/x-protobuf"])
    #expect(reply.status == 202)
  }

  /// A trace as three proxies have it: `web` is the root, calls `api`, which calls `db`; with ids that are shared or not.
  private struct Mesh {
    var web: [Span]
    var api: [Span]
    var db: [Span]

    init(low: UInt64 = IDOrderTests.low, high: UInt64 = 0, shared: Bool = true) {
      func one(
        _ id: UInt64, _ parent: UInt64?, _ kind: Span.Kind, _ service: String, at start: Int64, _ shared: Bool = false
      )
        -> Span
      {
        span(
          trace: low, high: high, id, parent: parent, kind, service: service, at: start, for: 100_000 - start * 2_000,
          shared: shared)
      }
      let (first, second): (UInt64, UInt64) = (
        0xA1A2_A3A4_A5A6_A700 + (low & 0xFF), 0xB1B2_B3B4_B5B6_B700 + (low & 0xFF)
      )
      let served: UInt64 = shared ? first : 0xC1C2_C3C4_C5C6_C700 + (low & 0xFF)
      let last: UInt64 = shared ? second : 0xD1D2_D3D4_D5D6_D700 + (low & 0xFF)
      web = [one(low, nil, .server, "web", at: 0, true), one(first, low, .client, "web", at: 1)]
      api = [
        one(served, shared ? low : first, .server, "api", at: 2, shared), one(second, served, .client, "api", at: 3),
      ]
      db = [one(last, shared ? served : second, .server, "db", at: 4, shared)]
    }
  }

  /// The whole trace as a tree: services by depth; and what each span is called by.
  private func tree(_ collector: TestCollector, _ low: UInt64 = IDOrderTests.low) async throws -> [String] {
    let spans = try #require(try await collector.store.trace(TraceID(low: low)))
    return SpanTree(spans).nodes.map { "\($0.depth) \($0.span.serviceName)\($0.isDetached ? " !" : "")" }
  }

  private static let whole = ["0 web", "1 web", "2 api", "3 api", "4 db"]
  private static let links = ["api>db 1", "web>api 1"]

  private func links(_ collector: TestCollector) async throws -> [String] {
    try await collector.store.dependencies(endTs: TestCollector.now, lookback: 3_600_000)
      .map { "\($0.parent)>\($0.child) \($0.callCount)" }
  }

  @Test(
    "A mesh in which each proxy sends in its own way gives whole traces, in whichever order reports come",
    arguments: [0, Self.high], [true, false])
  func mixedMeshes(high: UInt64, shared: Bool) async throws {
    // Which of the three send protobuf with reversed ids; the others send JSON, or protobuf with straight ones.
    for reversed in [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]] {
      for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        for othersSendJSON in [true, false] {
          let collector = try TestCollector()
          let mesh = Mesh(high: high, shared: shared)
          let reports = [mesh.web, mesh.api, mesh.db]
          for index in order {
            if reversed.contains(index) {
              await send(reports[index], reversed: true, to: collector)
            } else if othersSendJSON {
              try await collector.store.add(reports[index])
            } else {
              await send(reports[index], reversed: false, to: collector)
            }
          }
          #expect(try await tree(collector) == Self.whole, "\(reversed) in the order \(order)")
          #expect(try await links(collector) == Self.links, "\(reversed) in the order \(order)")
          let answer = await collector.get("/api/v2/trace/\(TraceID(low: Self.low))").text
          #expect(answer.contains(#""id":"a1a2a3a4a5a6a788""#))
        }
      }
    }
  }

  @Test("The root decides for the whole report, also for spans of other traces in it")
  func wholeReport() async throws {
    let collector = try TestCollector()
    let other = Mesh(low: 0x2233_4455_6677_8899)
    await send(Mesh().web + other.db, reversed: true, to: collector)
    #expect(try await collector.store.trace(TraceID(low: 0x2233_4455_6677_8899))?.map(\.id) == other.db.map(\.id))
    #expect(collector.store.metrics.spansReversed.value == 3)
    #expect(collector.store.metrics.spansUndecided.value == 0)
  }

  @Test("A root with the trace's own id proves that nothing is to be turned")
  func straight() async throws {
    let collector = try TestCollector()
    await send(Mesh().web, reversed: false, to: collector)
    await send(Mesh().api, reversed: false, to: collector)
    #expect(try await tree(collector) == Array(Self.whole.prefix(4)))
    #expect(collector.store.metrics.spansReversed.value == 0)
    #expect(collector.store.metrics.spansUndecided.value == 0)
  }

  @Test("What nothing decides stays as it is, is counted, and is said on the pages about the collector")
  func undecided() async throws {
    let collector = try TestCollector()
    #expect(!(await collector.get("/health").text.contains("SpanIDs")))
    let spans = Mesh(shared: false).db
    await send(spans, reversed: true, to: collector)
    #expect(try await collector.store.trace(TraceID(low: Self.low))?.first?.id == spans[0].id.byteSwapped)
    #expect(collector.store.metrics.spansUndecided.value == 1)
    let health = await collector.get("/health")
    #expect(health.status == 200)
    #expect(health.text.contains(#""SpanIDs":{"status":"UP","details":{"turned":0,"undecided":1}}"#))
    let metrics = await collector.get("/prometheus").text
    #expect(metrics.contains("\nzipkin_collector_span_ids_undecided_total{transport=\"http\"} 1\n"))
    #expect(metrics.contains("\nzipkin_collector_span_ids_turned_total{transport=\"http\"} 0\n"))
  }

  @Test("What a sender's spans said counts for its next ones, until a trace or its own spans say otherwise")
  func senders() async throws {
    let collector = try TestCollector()
    var first = Mesh(shared: false)
    // The proxy of db was the root of another trace.
    let root = span(trace: 0x3344_5566_7788_9900, 0x3344_5566_7788_9900, .server, service: "db", at: 9, shared: true)
    await send([root], reversed: true, to: collector)
    await send(first.db, reversed: true, to: collector)
    #expect(try await collector.store.trace(TraceID(low: Self.low))?.map(\.id) == first.db.map(\.id))
    #expect(collector.store.metrics.spansUndecided.value == 0)
    // Another sender with the service's name, told apart by what its proxy is called, is not known.
    first.db[0].tags = [.init("node_id", "db-2")]
    await send(first.db, reversed: true, to: collector)
    #expect(collector.store.metrics.spansUndecided.value == 1)
    // The proxy was replaced by one that sends them rightly: the trace knows better than the memory.
    let second = Mesh(low: 0x4455_6677_8899_AABB, shared: false)
    await send(second.db, reversed: false, to: collector)
    try await collector.store.add(second.web + second.api)
    #expect(try await tree(collector, 0x4455_6677_8899_AABB) == Self.whole)
  }

  @Test("A report that contradicts itself is decided sender by sender, and what contradicts itself is counted")
  func contradiction() async throws {
    let collector = try TestCollector()
    let (one, other) = (Mesh(), Mesh(low: 0x2233_4455_6677_8899))
    var straight = other.web
    for index in straight.indices { straight[index].localEndpoint = Endpoint(serviceName: "gateway") }
    // As one that gathers the reports of others would send it.
    await send(
      one.web
        + straight.map { span in
          var span = span
          span.reverseIDs()
          return span
        }, reversed: true, to: collector)
    #expect(try await collector.store.trace(TraceID(low: Self.low))?.map(\.id) == one.web.map(\.id))
    #expect(try await collector.store.trace(TraceID(low: 0x2233_4455_6677_8899))?.map(\.id) == other.web.map(\.id))

    let third = Mesh(low: 0x5566_7788_99AA_BBCC)
    var both = third.web
    both[0].reverseIDs()
    await send(both, reversed: true, to: collector)
    #expect(collector.store.metrics.spansUndecided.value == 2)
    // Where it is read, each span's own trace tells.
    #expect(try await collector.store.trace(TraceID(low: 0x5566_7788_99AA_BBCC))?.map(\.id) == third.web.map(\.id))
  }

  @Test("JSON is never turned, whatever its ids look like")
  func json() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(#"[{"traceId":"1122334455667788","id":"8877665544332211"}]"#)
    #expect(reply.status == 202)
    #expect(try await collector.store.trace(TraceID(low: Self.low))?.map(\.id) == [Self.low.byteSwapped])
    #expect(collector.store.metrics.spansReversed.value == 0)
  }

  @Test(
    "A report that comes twice counts once, also if only the second time its ids are decided", arguments: [true, false])
  func repeated(shared: Bool) async throws {
    let collector = try TestCollector()
    let mesh = Mesh(shared: shared)
    await send(mesh.db, reversed: true, to: collector)
    #expect(collector.store.metrics.spansUndecided.value == 1)
    try await collector.store.add(mesh.web + mesh.api)
    await send(mesh.db, reversed: true, to: collector)
    for compacts in [false, true] {
      if compacts { try collector.store.compactOnce() }
      #expect(try await tree(collector) == Self.whole)
      #expect(try await links(collector) == Self.links)
    }
    await send(mesh.db, reversed: true, to: collector)
    #expect(try await tree(collector) == Self.whole)
  }

  @Test("Doubt outlives a restart and the compaction of blocks, and is settled by what comes then")
  func restart() async throws {
    let collector = try TestCollector()
    let mesh = Mesh(shared: false)
    await send(mesh.db, reversed: true, to: collector)
    let store = try collector.reopened()
    defer { try? store.close() }
    try store.compactOnce()
    try await store.add(mesh.web + mesh.api)
    let spans = try #require(try await store.trace(TraceID(low: Self.low)))
    #expect(SpanTree(spans).nodes.map { $0.span.serviceName } == ["web", "web", "api", "api", "db"])
    #expect(SpanTree(spans).nodes.map(\.depth) == [0, 1, 2, 3, 4])
    let links = try await store.dependencies(endTs: TestCollector.now, lookback: 3_600_000)
    #expect(links.map { "\($0.parent)>\($0.child) \($0.callCount)" } == Self.links)
  }

  private func sender(_ service: String) -> IDOrderMemory.Sender {
    var draft = SpanDraft()
    var bytes: [UInt8] = []
    draft.fill(span(1, service: service), &bytes)
    return bytes.withUnsafeBytes { .init(draft, [], in: $0) }
  }

  @Test("As many senders are remembered as the bound says")
  func bound() {
    var memory = IDOrderMemory()
    for number in 0..<10_000 {
      memory.note(.reversed, of: sender("s\(number)"), now: 5)
      #expect(memory.count <= 2 * IDOrderMemory.capacity)
    }
    let last = sender("s9999")
    #expect(memory.order(of: last, now: 5) == .reversed)
    #expect(memory.order(of: sender("s0"), now: 5) == nil)
    #expect(memory.order(of: last, now: 5 + IDOrderMemory.memory + 1) == nil)
  }
}
