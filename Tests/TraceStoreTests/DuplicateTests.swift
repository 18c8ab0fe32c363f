import PrometheusMetrics
import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Spans that were sent twice cost what one more span costs. What is counted is what is read.
@Suite(.heavy) struct DuplicateTests {
  private static let traceCount = 800

  /// Traces of three spans, each a millisecond after the one before, some time later than they were first sent.
  private static func spans(later milliseconds: Int64) -> [Span] {
    (0..<traceCount).flatMap { number -> [Span] in
      let trace = UInt64(number + 1) &* 0x9e37_79b9_7f4a_7c15
      return (0..<3).map {
        span(
          trace: trace, UInt64($0 + 1), parent: $0 == 0 ? nil : UInt64($0), .server, service: "s\($0)",
          at: Int64(number) + milliseconds, tags: [.init("number", "\(number)")])
      }
    }
  }

  private func testStore(copies: [Int64], segmentSpans: Int) async throws -> TestStore {
    let test = try TestStore { $0.segmentSpans = segmentSpans }
    for later in copies {
      let spans = Self.spans(later: later)
      for first in stride(from: 0, to: spans.count, by: 60) {
        try await test.store.add(Array(spans[first..<min(first + 60, spans.count)]))
      }
      // What is left goes in segments of its own, so that copies never meet in one by chance.
      await test.store.maintained {}
    }
    return test
  }

  private static let query: TraceQuery = {
    var query = TraceQuery(endTs: SampleSpans.now, lookback: 3_600_000, limit: 20)
    query.serviceName = "s1"
    return query
  }()

  @Test(
    "A search reads the traces that it answers, however many others were sent twice",
    arguments: [([0], 700), ([0, 0], 700), ([0, 20_000], 700), ([20_000, 0], 700), ([0, 20_000], 100_000)]
      as [([Int64], Int)])
  func search(copies: [Int64], segmentSpans: Int) async throws {
    let test = try await testStore(copies: copies, segmentSpans: segmentSpans)
    let metrics = test.store.metrics
    let before = (tracesRead: metrics.tracesRead.value, chunksUnpacked: metrics.chunksUnpacked.value)
    let found = try await test.store.search(Self.query)
    #expect(found.isComplete)
    // The newest by their starts, as if they had been sent once.
    let start = (SampleSpans.now - 60_000) * 1_000
    #expect(
      found.traces.map { $0[0].timestamp }
        == (0..<20).map { start + (Int64(Self.traceCount - 1 - $0) + (copies.min() ?? 0)) * 1_000 })
    #expect(found.traces.allSatisfy { $0.count == 3 * Set(copies).count })
    #expect(metrics.tracesRead.value - before.tracesRead == 20)
    // A trace lies in one chunk for each time that it was sent, and each chunk is unpacked for it.
    #expect(metrics.chunksUnpacked.value - before.chunksUnpacked <= 20 * copies.count)
  }

  @Test("To put spans in order, what was sent before is unpacked once for all traces, and not for each")
  func ordering() async throws {
    let test = try await testStore(copies: [0, 20_000], segmentSpans: 700)
    let segments = test.store.manifest.withLock { $0.segments }
    #expect(segments.count >= 4)
    let chunks = segments.reduce(0) { $0 + $1.chunks.count }
    // Each new segment looks into those before it, as far as they are in reach.
    #expect(test.store.metrics.chunksUnpacked.value <= chunks * segments.count)
    #expect(test.store.metrics.chunksUnpacked.value < Self.traceCount / 2)
  }

  @Test("Traces that last long do not keep newer ones out, and what waits is bounded")
  func longTraces() async throws {
    let test = try TestStore { $0.segmentSpans = 1_024 }
    let (long, short) = (TraceFinder.waitingTraces / 2, 600)
    var spans = (0..<long).map { span(trace: UInt64($0 + 1), 1, service: "a", at: Int64($0)) }
    spans += (0..<short).map { span(trace: UInt64(10_000 + $0), 1, service: "a", at: 10_000 + Int64($0)) }
    // Their newest spans are the newest of all.
    spans += (0..<long).map { span(trace: UInt64($0 + 1), 2, parent: 1, service: "a", at: 30_000 + Int64($0)) }
    for first in stride(from: 0, to: spans.count, by: 50) {
      try await test.store.add(Array(spans[first..<min(first + 50, spans.count)]))
    }
    await test.store.maintained {}
    var query = TraceQuery(endTs: SampleSpans.now, lookback: 3_600_000, limit: 10)
    query.serviceName = "a"
    let found = try await test.store.search(query)
    #expect(found.traces.map { $0[0].traceID.low } == (0..<10).map { UInt64(10_000 + short - 1 - $0) })
    #expect(test.store.metrics.tracesRead.value == 10)
  }
}
