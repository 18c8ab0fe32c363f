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

/// What is kept, and that removing the rest stops nothing.
@Suite(.heavy) struct RetentionTests {
  private static func spans(_ range: Range<Int>, service: String = "a") -> [Span] {
    range.map { span(trace: UInt64($0) + 1, 1, service: service, name: "get /\($0 / 100)", at: Int64($0)) }
  }

  @Test("Beyond a number of spans the first that came go first, with their names", arguments: [65_536, 300])
  func count(segmentSpans: Int) async throws {
    let collector = try TestCollector {
      $0.retention = Retention(maximumSpans: 100, maximumAge: nil, maximumBytes: nil)
      $0.segmentSpans = segmentSpans
    }
    for first in stride(from: 0, to: 2_400, by: 100) {
      _ = try await collector.store.add(Self.spans(first..<(first + 100), service: "old"))
    }
    await collector.store.maintained {}
    #expect(collector.store.manifest.withLock { $0.segments.count } > 0)
    _ = try await collector.store.add(Self.spans(2_400..<2_500, service: "new"))
    _ = try await collector.store.add(Self.spans(2_500..<2_600, service: "new"))
    await collector.store.expire()
    #expect(collector.store.spanCount == 100)
    #expect(collector.api.metrics.spansExpired.value == 2_500)
    #expect(try await collector.store.trace(TraceID(low: 2_500)) == nil)
    #expect(try await collector.store.trace(TraceID(low: 2_501)) != nil)
    #expect(collector.store.serviceNames() == ["new"])
    #expect(collector.store.spanNames(service: "new") == ["get /25"])
    #expect(try await collector.get("/api/v2/traces?limit=1000").traces().count == 100)
    let rows = try await collector.store.file.pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM piece") }
    #expect(rows == 0)
    await collector.store.expire()
    #expect(collector.store.spanCount == 100)

    let store = try collector.reopened()
    #expect(store.spanCount == 100)
    #expect(store.serviceNames() == ["new"])
    try store.close()
  }

  @Test("After a time a span goes, whatever its own times say")
  func age() async throws {
    let hand = Hand()
    let collector = try TestCollector {
      $0.clock = hand.clock
      $0.steadyClock = hand.steadyClock
      $0.retention = Retention(maximumSpans: nil, maximumAge: .seconds(60), maximumBytes: nil)
    }
    _ = try await collector.store.add(Self.spans(0..<10))
    hand.advance(40_000)
    _ = try await collector.store.add(Self.spans(10..<20))
    await collector.store.expire()
    #expect(collector.store.spanCount == 20)
    hand.advance(20_001)
    await collector.store.expire()
    #expect(collector.store.spanCount == 10)
    #expect(try await collector.store.trace(TraceID(low: 11)) != nil)
    hand.advance(60_000)
    await collector.store.expire()
    #expect(collector.store.spanCount == 0)
    #expect(collector.store.serviceNames().isEmpty)
    // A store that has become empty takes new spans.
    _ = try await collector.store.add(Self.spans(5..<6))
    #expect(collector.store.spanCount == 1)
    #expect(collector.store.serviceNames() == ["a"])
  }

  @Test("Beyond a size spans go, while more are stored and asked for")
  func bytes() async throws {
    let maximum = 1 << 20
    let collector = try TestCollector {
      $0.retention = Retention(maximumSpans: nil, maximumAge: nil, maximumBytes: maximum)
    }
    let (api, store) = (collector.api, collector.store)
    // Nothing that could be packed.
    var random = SystemRandomNumberGenerator()
    let fillers = (0..<997).map { _ in
      (0..<60).map { _ in String(random.next() as UInt64 | 1 << 60, radix: 16) }.joined()
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for sender in 0..<4 {
        group.addTask {
          for number in 0..<25 {
            let list = (0..<40).map { index in
              let id = String(1 + sender * 1_000 + number * 40 + index, radix: 16)
              return #"{"traceId":"\#(id)","id":"1","timestamp":\#(TestCollector.now)000,"#
                + #""localEndpoint":{"serviceName":"s\#(sender)"},"tags":{"f":"\#(id)\#(fillers[(sender * 1_000 + number * 40 + index) % 997])"}}"#
            }
            let body = Array("[\(list.joined(separator: ","))]".utf8)
            #expect(await TestCollector.send(to: api, .post, "/api/v2/spans", body).status == 202)
            #expect(await TestCollector.send(to: api, .get, "/api/v2/traces?serviceName=s\(sender)").status == 200)
          }
        }
      }
      group.addTask {
        while store.spanCount < 1_000 { await Task.yield() }
        for _ in 0..<20 { await store.expire() }
      }
      try await group.waitForAll()
    }
    #expect(api.metrics.spansAccepted.value == 4_000)
    await store.expire()
    #expect(store.spanCount < 1_500)
    #expect(api.metrics.spansExpired.value + store.spanCount == 4_000)
    // The rest is whole: everything that is counted is found.
    let rest = try await store.search(TraceQuery(endTs: TestCollector.now, lookback: 86_400_000, limit: 5_000))
    #expect(rest.traces.count == store.spanCount)
  }

  @Test("The retention service runs until it is cancelled, and evicts names without spans")
  func run() async throws {
    let collector = try TestCollector {
      $0.retention = Retention(maximumSpans: 100, maximumAge: nil, maximumBytes: nil)
    }
    let store = collector.store
    for first in stride(from: 0, to: 500, by: 100) { _ = try await store.add(Self.spans(first..<(first + 100))) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await store.run() }
      try await eventually { store.spanCount == 100 }
      group.cancelAll()
      try await group.waitForAll()
    }
  }

  @Test("On a full disk retention makes room again")
  func fullDisk() async throws {
    let collector = try TestCollector {
      $0.retention = Retention(maximumSpans: 200, maximumAge: nil, maximumBytes: nil)
    }
    let used = try collector.limitPages(more: 40)
    #expect(used > 0)
    var stored = 0
    while try await collector.tryAdd(Self.spans(stored..<(stored + 100))) { stored += 100 }
    #expect(stored > 200)
    #expect(collector.store.spanCount == stored)
    await collector.store.expire()
    #expect(collector.store.spanCount == 200)
    #expect(try await collector.tryAdd(Self.spans(stored..<(stored + 100))))
    #expect(collector.store.spanCount == 300)
  }

  private func collector(_ hand: Hand, age: Duration = .seconds(86_400), segmentSpans: Int) throws -> TestCollector {
    try TestCollector {
      $0.clock = hand.clock
      $0.steadyClock = hand.steadyClock
      $0.segmentSpans = segmentSpans
      $0.retention = Retention(maximumSpans: nil, maximumAge: age, maximumBytes: nil)
    }
  }

  private static let day: Int64 = 86_400_000

  @Test(
    "A clock that leaps and comes back removes nothing, and what came meanwhile ages as the rest",
    arguments: [65_536, 10])
  func leap(segmentSpans: Int) async throws {
    let hand = Hand()
    let collector = try collector(hand, segmentSpans: segmentSpans)
    _ = try await collector.store.add(Self.spans(0..<10))
    for leap in [400 * Self.day, -400 * Self.day, -800 * Self.day, 800 * Self.day] {
      hand.leap(leap)
      await collector.store.expire()
      _ = try await collector.store.add(Self.spans(10..<20))
      hand.advance(600_000)
      await collector.store.expire()
    }
    #expect(collector.store.spanCount == 50)
    // All of them came within the last 40 minutes, and go after a day.
    hand.advance(Self.day - 2_400_001)
    await collector.store.expire()
    #expect(collector.store.spanCount == 50)
    hand.advance(2_400_001)
    await collector.store.expire()
    #expect(collector.store.spanCount == 0)
  }

  @Test("A lasting leap of the clock is followed after an hour, and does not age what came before it")
  func lastingLeap() async throws {
    let hand = Hand()
    let collector = try collector(hand, segmentSpans: 10)
    // As after a start without a battery, before the network tells the time.
    _ = try await collector.store.add(Self.spans(0..<10))
    hand.leap(10_000 * Self.day)
    await collector.store.expire()
    _ = try await collector.store.add(Self.spans(10..<20))
    for _ in 0..<3 {
      hand.advance(3_600_000)
      await collector.store.expire()
    }
    #expect(collector.store.spanCount == 20)
    let store = try collector.reopened()
    await store.expire()
    #expect(store.spanCount == 20)
    hand.advance(Self.day)
    await store.expire()
    #expect(store.spanCount == 0)
    try store.close()
  }

  @Test("At a start by which all would be too old, or newer than now, nothing goes in the first hour")
  func start() async throws {
    for leap in [400 * Self.day, -400 * Self.day] {
      let hand = Hand()
      let collector = try collector(hand, segmentSpans: 10)
      _ = try await collector.store.add(Self.spans(0..<10))
      hand.leap(leap)
      let store = try collector.reopened()
      await store.expire()
      hand.advance(3_500_000)
      await store.expire()
      #expect(store.spanCount == 10)
      hand.advance(200_000)
      await store.expire()
      // Then the clock is believed: what is too old goes, what lay in the future has come now.
      #expect(store.spanCount == (leap > 0 ? 0 : 10))
      hand.advance(Self.day + 1)
      await store.expire()
      #expect(store.spanCount == 0)
      try store.close()
    }
  }
}
