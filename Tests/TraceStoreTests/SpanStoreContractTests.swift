import Synchronization
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// What every store of spans does, for the two that there are.
@Suite(.heavy) struct SpanStoreContractTests {
  @Test("The plain store: spans in a list", arguments: SpanStoreContract.all)
  func plain(contract: SpanStoreContract) async throws {
    try await contract.run { settings in
      SpanStoreContract.Subject(PlainSpanStore(clock: settings.clock, autocompleteKeys: settings.autocompleteKeys))
    }
  }

  /// Spans for a segment: all stay in blocks, some are in segments, nearly all are; and whether the store is closed and opened
  /// again before queries come.
  @Test("The segment store", arguments: SpanStoreContract.all, [100_000, 250, 40])
  func segments(contract: SpanStoreContract, segmentSpans: Int) async throws {
    let folder = try TemporaryFolder()
    try await contract.run { contractSettings in
      var settings = SegmentStore.Settings()
      settings.clock = contractSettings.clock
      settings.autocompleteKeys = contractSettings.autocompleteKeys
      settings.segmentSpans = segmentSpans
      let store = try SegmentStore(path: folder.file("spans.db"), settings: settings)
      return SpanStoreContract.Subject(store) {
        await store.maintained {}
        let (spans, segments) = store.manifest.withLock { ($0.spanCount, $0.segments.count) }
        #expect(segments >= spans / (2 * segmentSpans))
      }
    }
  }

  @Test("The segment store after a restart", arguments: [100_000, 40])
  func reopened(segmentSpans: Int) async throws {
    let test = try TestStore { $0.segmentSpans = segmentSpans }
    let spans = SampleSpans.spans(200, seed: 12)
    let plain = PlainSpanStore(clock: test.settings.clock)
    try await plain.add(spans)
    for first in stride(from: 0, to: spans.count, by: 15) {
      try await test.store.add(Array(spans[first..<min(first + 15, spans.count)]))
    }
    let store = try test.reopened()
    #expect(store.spanCount == spans.count)
    #expect(store.serviceNames() == plain.serviceNames())
    for query in SampleSpans.queries(60, seed: 9) + [SampleSpans.everything] {
      #expect(try await store.search(query).traces == (try await plain.search(query)).traces, "\(query)")
    }
    let graph = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
    let expected = try await plain.graph(endTs: SampleSpans.now, lookback: 3_600_000)
    #expect(SpanStoreContract.isAlike(graph, expected))
    try store.close()
  }
}
