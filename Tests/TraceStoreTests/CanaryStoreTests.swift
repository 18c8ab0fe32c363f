import PrometheusMetrics
import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Traces of the canary in the file. What queries find of them is in the contract of stores.
@Suite struct CanaryStoreTests {
  private static func canary(_ number: UInt64) -> [Span] {
    [
      span(trace: number, high: 1, 1, service: "bird", at: Int64(number)),
      span(trace: number, high: 1, 2, parent: 1, service: "bird", at: Int64(number) + 1),
    ]
  }

  private static var query: TraceQuery {
    var query = SampleSpans.everything
    query.includesCanary = true
    return query
  }

  @Test("They are durable, and no count of the store has them")
  func durable() async throws {
    let test = try TestStore()
    let metrics = test.store.metrics
    try await test.store.add(canary: Self.canary(1))
    #expect(metrics.commits.value == 0 && metrics.spansAccepted.value == 0 && metrics.queries.value == 0)
    #expect(test.store.manifest.withLock { $0.blocks.isEmpty && $0.nextBlock == 1 })
    // One commit may hold both kinds.
    let open = test.store
    async let first: Void = open.add(canary: Self.canary(2))
    async let second = open.add([span(trace: 9, 1)], bytes: 0)
    _ = try await (first, second)
    #expect(metrics.commits.value == 1 && metrics.spansAccepted.value == 1 && test.store.spanCount == 1)
    let store = try test.reopened()
    #expect(store.spanCount == 1 && store.serviceNames() == ["frontend"])
    #expect(try await store.search(Self.query).traces.map { $0.first?.traceID.low } == [2, 1, 9])
    #expect(try await store.trace(TraceID(low: 1)) == Self.canary(1))
    #expect(try await store.search(SampleSpans.everything).traces.map { $0.first?.traceID.low } == [9])
    try store.close()
  }

  @Test("Retention by age deletes them, and counts none; retention by number leaves them")
  func retention() async throws {
    let now = Mutex(SampleSpans.now)
    let steady = Mutex<Int64>(0)
    let test = try TestStore {
      $0.clock = WallClock { now.withLock { $0 } }
      $0.steadyClock = WallClock { steady.withLock { $0 } }
      $0.retention = Retention(maximumSpans: 1, maximumAge: .seconds(3_600), maximumBytes: nil)
    }
    for number in 1...5 { try await test.store.add(canary: Self.canary(UInt64(number))) }
    await test.store.expire()
    #expect(try await test.store.search(Self.query).traces.count == 5)
    now.withLock { $0 += 3_601_000 }
    steady.withLock { $0 += 3_601_000 }
    try await test.store.add(canary: Self.canary(6))
    await test.store.expire()
    #expect(try await test.store.trace(TraceID(low: 5)) == nil)
    #expect(try await test.store.trace(TraceID(low: 6)) == Self.canary(6))
    #expect(test.store.metrics.spansExpired.value == 0)
  }

  @Test("Spans of others with the canary's id are seen, and the canary's are not with them")
  func sameID() async throws {
    let test = try TestStore()
    try await test.store.add(canary: Self.canary(1))
    let foreign = span(trace: 1, high: 1, 7, service: "crow")
    try await test.store.add([foreign])
    #expect(try await test.store.trace(foreign.traceID) == [foreign])
    #expect(try await test.store.search(SampleSpans.everything).traces == [[foreign]])
    #expect(try await test.store.search(Self.query).traces.map { $0.map(\.id) } == [[7, 1, 2]])
  }
}
