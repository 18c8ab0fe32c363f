import HTTPTypes
import PrometheusMetrics
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// Summaries that are waited for.
@Suite struct LiveTests {
  private struct Summaries: Decodable {
    struct Trace: Decodable {
      let traceId: String
      let spanCount: Int
    }
    let cursor: String
    let traces: [Trace]
  }

  private let path = "/api/summaries?lookback=86400000"

  @Test("A request with the present cursor waits for something new")
  func newTrace() async throws {
    let collector = try TestCollector()
    try await collector.add(span(trace: 0xA, 1))
    let first = try await collector.get(path).json(Summaries.self)
    #expect(first.traces.count == 1)
    let (api, target) = (collector.api, "\(path)&after=\(first.cursor)&wait=30")
    async let waiting = TestCollector.send(to: api, .get, target)
    // It waits: the signal has somebody to wake.
    try await eventually { collector.api.changes.waiterCount == 1 }
    try await collector.add(span(trace: 0xB, 2))
    let second = try await waiting.json(Summaries.self)
    #expect(second.traces.map(\.traceId).contains("000000000000000b"))
    #expect(second.cursor != first.cursor)
    // An old cursor is answered at once, also one of another run of the program.
    #expect(try await collector.get(target).json(Summaries.self).cursor == second.cursor)
    #expect(try await collector.get("\(path)&after=x&wait=30").json(Summaries.self).cursor == second.cursor)
  }

  @Test("What does not match wakes nobody; a span more of a trace in the list does")
  func matching() async throws {
    let collector = try TestCollector()
    try await collector.add(span(trace: 0xA, 1, service: "a"))
    let path = path + "&serviceName=a"
    let first = try await collector.get(path).json(Summaries.self)
    let (api, target) = (collector.api, "\(path)&after=\(first.cursor)&wait=30")
    async let waiting = TestCollector.send(to: api, .get, target)
    try await eventually { collector.api.changes.waiterCount == 1 }
    try await collector.add(span(trace: 0xB, 2, service: "b"))
    try await eventually { collector.store.metrics.queries.value >= 3 }
    try await collector.add(span(trace: 0xA, 3, parent: 1, service: "a"))
    let second = try await waiting.json(Summaries.self)
    #expect(second.traces.map(\.traceId) == ["000000000000000a"])
    #expect(second.traces.map(\.spanCount) == [2])
  }

  @Test("Without something new the answer comes when the time is over, and is the same")
  func timeOver() async throws {
    let collector = try TestCollector()
    let first = try await collector.get(path).json(Summaries.self)
    let second = try await collector.get("\(path)&after=\(first.cursor)&wait=1").json(Summaries.self)
    #expect(second.cursor == first.cursor)
  }

  @Test("No more than so many wait; the end of waiting lets all go, and nobody waits after it")
  func bounds() async throws {
    let collector = try TestCollector()
    let cursor = try await collector.get(path).json(Summaries.self).cursor
    let (api, target, changes) = (collector.api, "\(path)&after=\(cursor)&wait=30", collector.api.changes)
    // One request waits for real. The other places are taken here: to start so many requests may take longer than the 30
    // seconds that the first of them waits.
    for _ in 1..<CollectorAPI.waitersAtMost { #expect(changes.enter()) }
    async let waiting = TestCollector.send(to: api, .get, target)
    try await eventually { changes.waiterCount == 1 }
    #expect(!changes.enter())
    // One too many is answered at once, while the other waits.
    #expect(await TestCollector.send(to: api, .get, target).status == 200)
    #expect(changes.waiterCount == 1)
    api.stopWaiting()
    #expect(await waiting.status == 200)
    #expect(changes.waiterCount == 0)
    #expect(await collector.get(target).status == 200)
  }

  @Test("A caller that goes away gives its place back")
  func cancelled() async throws {
    let collector = try TestCollector()
    let cursor = try await collector.get(path).json(Summaries.self).cursor
    let (api, target, changes) = (collector.api, "\(path)&after=\(cursor)&wait=30", collector.api.changes)
    let task = Task { await TestCollector.send(to: api, .get, target).status }
    try await eventually { changes.waiterCount == 1 }
    task.cancel()
    _ = await task.value
    #expect(changes.waiterCount == 0)
    #expect(changes.enter())
  }

  @Test(arguments: ["31", "-1", "x", "1.5"])
  func wrongWait(wait: String) async throws {
    let collector = try TestCollector()
    let reply = await collector.get("\(path)&after=x&wait=\(wait)")
    #expect(reply.status == 400)
    #expect(reply.text.contains("the parameter wait"))
  }
}
