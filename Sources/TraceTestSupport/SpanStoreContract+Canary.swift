import Synchronization
import Testing
package import TraceModel
package import TraceStore

extension SpanStore {
  /// Stores a trace as one of the canary.
  package func add(canary spans: [Span]) async throws(CollectorError) {
    var batch = makeBatch()
    for span in spans {
      var draft = SpanDraft()
      var bytes: [UInt8] = []
      draft.fill(span, &bytes)
      bytes.withUnsafeBytes { batch.take(draft, $0, index: 0) }
    }
    try await add(canary: batch, bytes: 0)
  }
}

extension SpanStoreContract {
  /// A trace of the canary.
  private static func song(_ number: UInt64) -> [Span] {
    let trace = 0xCA00 + number
    return [
      TraceTestSupport.span(
        trace: trace, high: 7, 1, .client, service: "bird", name: "sing", at: 100 * Int64(number), for: 900,
        tags: [.init("environment", "cage")]),
      TraceTestSupport.span(
        trace: trace, high: 7, 2, parent: 1, .server, service: "coal mine", name: "listen",
        at: 100 * Int64(number) + 10, for: 500),
    ]
  }

  /// Everything that a store lists, counts and finds without being asked for the canary.
  private static func everything(in store: any SpanStore) async throws -> [String] {
    var lists: [String] = [
      "\(store.spanCount)", "\(store.waitingSpanCount)", "\(store.serviceNames())",
      "\(store.autocompleteValues(key: "environment"))",
    ]
    for service in ["bird", "coal mine"] + store.serviceNames() {
      lists.append("\(store.spanNames(service: service)) \(store.remoteServiceNames(service: service))")
      lists.append("\(try await store.operations(service: service, endTs: SampleSpans.now, lookback: 7_200_000))")
    }
    lists.append("\(try await store.graph(endTs: SampleSpans.now, lookback: 7_200_000))")
    lists.append("\(try await store.dependencies(endTs: SampleSpans.now, lookback: 7_200_000))")
    for order in TraceOrder.allCases {
      lists.append("\(try await store.summaries(SampleSpans.everything, by: order))")
    }
    lists.append("\(try await store.search(SampleSpans.everything).traces)")
    for service in ["bird", "coal mine"] {
      var query = SampleSpans.everything
      query.serviceName = service
      lists.append("\(try await store.search(query).traces)")
    }
    return lists
  }

  static let canary: [SpanStoreContract] = [
    SpanStoreContract("the canary is found by its id and by those who ask for it, and is in nothing else") {
      subject async throws in
      let store = subject.store
      try await store.add(SampleSpans.spans(40, seed: 3), sizes: 7...7)
      let told = Mutex(0)
      try await subject.settle()
      let before = try await everything(in: store)
      store.observe { stored in told.withLock { $0 += stored.count } }
      for number in 1...3 { try await store.add(canary: song(UInt64(number))) }
      #expect(try await everything(in: store) == before)
      #expect(told.withLock { $0 } == 0)
      try await subject.settle()
      #expect(try await everything(in: store) == before)
      let second = song(2)
      #expect(try await store.trace(second[0].traceID) == second)
      #expect(try await store.trace(TraceID(low: second[0].traceID.low)) == second)
      #expect(try await store.trace(TraceID(high: 8, low: second[0].traceID.low)) == nil)
      #expect(try await store.traces([second[0].traceID]) == [second])
      var query = SampleSpans.everything
      query.includesCanary = true
      query.serviceName = "coal mine"
      #expect(try await store.search(query).traces == [song(3), second, song(1)])
      #expect(try await store.summaries(query, by: .longest).traces.map(\.spanCount) == [2, 2, 2])
      query.spanName = "listen"
      query.limit = 1
      #expect(try await store.search(query).traces == [song(3)])
    },
    SpanStoreContract("of the canary, the newest traces are kept") { subject async throws in
      let store = subject.store
      let count = store.limits.canaryTraces + 3
      for number in 1...count { try await store.add(canary: song(UInt64(number))) }
      var query = SampleSpans.everything
      query.includesCanary = true
      query.limit = 1_000
      #expect(try await store.search(query).traces.count == store.limits.canaryTraces)
      #expect(try await store.trace(song(3)[0].traceID) == nil)
      #expect(try await store.trace(song(4)[0].traceID) == song(4))
      #expect(store.spanCount == 0)
    },
  ]
}
