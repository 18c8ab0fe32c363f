import Synchronization
import Testing
import TraceModel
import TraceStore

extension SpanStoreContract {
  private static func span(_ trace: UInt64, high: UInt64 = 0, _ id: UInt64, at time: Int64 = 0) -> Span {
    TraceTestSupport.span(trace: trace, high: high, id, at: time)
  }

  static let storing: [SpanStoreContract] = [
    SpanStoreContract("an empty store has nothing") { subject async throws in
      let store = subject.store
      #expect(store.spanCount == 0)
      #expect(try await store.trace(TraceID(low: 1)) == nil)
      #expect(try await store.traces([TraceID(low: 1)]).isEmpty)
      #expect(try await store.search(SampleSpans.everything).traces.isEmpty)
      #expect(store.serviceNames().isEmpty && store.autocompleteValues(key: "environment").isEmpty)
      let graph = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
      #expect(graph.services.isEmpty && graph.edges.isEmpty)
      #expect(await store.obstacle() == nil)
      #expect(try await store.add([], bytes: 0) == 0)
      #expect(store.spanCount == 0)
    },
    SpanStoreContract("a span comes back with all of its fields") { subject async throws in
      let whole = Span(
        traceID: TraceID(high: 7, low: 1), id: 2, parentID: 3, kind: .producer, name: "get /é",
        timestamp: (SampleSpans.now - 1_000) * 1_000, duration: 9,
        localEndpoint: Endpoint(serviceName: "a", ipv4: "10.0.0.1", ipv6: "::1", port: 65_535),
        remoteEndpoint: Endpoint(ipv4: "192.0.2.1"), annotations: [.init(timestamp: 5, value: "retry\n")],
        tags: [.init("n", "12.50"), .init("id", "123e4567-e89b-12d3-a456-426614174000"), .init("0", "007")],
        isDebug: true, isShared: true)
      let least = Span(traceID: TraceID(low: 9), id: 1)
      try await subject.store.add([whole, least], bytes: 0)
      try await subject.settle()
      #expect(try await subject.store.trace(whole.traceID) == [whole])
      #expect(try await subject.store.trace(least.traceID) == [least])
    },
    SpanStoreContract("ids of 64 and 128 bits lead to one trace, unless two have one low half") {
      subject async throws in
      let store = subject.store
      let spans = [
        span(1, 1), span(1, high: 5, 2, at: 1), span(2, high: 6, 3), span(2, high: 7, 4, at: 1), span(3, 5),
      ]
      for span in spans { try await store.add([span], bytes: 0) }
      try await subject.settle()
      #expect(try await store.trace(TraceID(low: 1))?.map(\.id) == [1, 2])
      #expect(try await store.trace(TraceID(high: 5, low: 1))?.map(\.id) == [1, 2])
      #expect(try await store.trace(TraceID(high: 7, low: 2))?.map(\.id) == [4])
      #expect(try await store.trace(TraceID(high: 8, low: 2)) == nil)
      #expect(try await store.trace(TraceID(high: 8, low: 3))?.map(\.id) == [5])
      let ids = [TraceID(low: 1), TraceID(high: 5, low: 1), TraceID(low: 4), TraceID(low: 3)]
      #expect(try await store.traces(ids).map { $0.map(\.id) } == [[1, 2], [5]])
    },
    SpanStoreContract("what is sent twice is found once, and counted once") { subject async throws in
      let (store, plain) = (subject.store, PlainSpanStore(clock: Settings().clock))
      let spans = SampleSpans.spans(60, seed: 5)
      try await plain.add(spans)
      for _ in 0..<2 { try await store.add(spans, sizes: 20...20) }
      try await subject.settle()
      #expect(store.spanCount == 2 * spans.count)
      let found = try await store.search(SampleSpans.everything)
      #expect(found.traces == (try await plain.search(SampleSpans.everything)).traces)
      let graph = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
      #expect(isAlike(graph, try await plain.graph(endTs: SampleSpans.now, lookback: 3_600_000)))
    },
    SpanStoreContract("observers are told of every span once, after it can be found") { subject async throws in
      let store = subject.store
      let told = Mutex<[[Span]]>([])
      store.observe { stored in told.withLock { $0.append(stored.spans()) } }
      let spans = SampleSpans.spans(20, seed: 3)
      for span in spans { try await store.add([span], bytes: 0) }
      #expect(told.withLock { Array($0.joined()) } == spans)
      #expect(told.withLock { $0.allSatisfy { !$0.isEmpty } })
    },
    SpanStoreContract("writers and readers at the same time: what is acknowledged is found at once") {
      subject async throws in
      let store = subject.store
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer: UInt64 in 0..<8 {
          group.addTask {
            for number: UInt64 in 1...20 {
              let trace = writer << 8 | number
              try await store.add([TraceTestSupport.span(trace: trace, 1, name: "get /\(trace)")], bytes: 0)
              #expect(try await store.trace(TraceID(low: trace))?.count == 1)
              var query = SampleSpans.everything
              query.spanName = "get /\(trace)"
              #expect(try await store.search(query).traces.map { $0[0].traceID.low } == [trace])
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(store.spanCount == 160)
    },
    SpanStoreContract("a closed store refuses everything, in words") { subject async throws in
      let store = subject.store
      try await store.add([span(1, 1)], bytes: 0)
      try store.close()
      try store.close()
      #expect(await store.obstacle() != nil)
      for attempt in 0..<2 {
        let error = await #expect(throws: CollectorError.self) {
          if attempt == 0 {
            try await store.add([span(2, 1)], bytes: 0)
          } else {
            _ = try await store.trace(TraceID(low: 1))
          }
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.isEmpty == false)
      }
    },
  ]

  /// Runs queries of both stores; they have to agree on which traces, on their order where it is decided, and on how many.
  private static func compare(_ store: any SpanStore, _ plain: PlainSpanStore, _ queries: [TraceQuery]) async throws {
    for query in queries {
      let (found, expected) = (try await store.search(query), try await plain.search(query))
      #expect(found.isComplete)
      #expect(found.traces == expected.traces, "\(query)")
      var few = query
      few.limit = 3
      let starts = try await store.search(few).traces.map { TraceTimes.timestamp(of: $0) }
      #expect(starts == expected.traces.prefix(3).map { TraceTimes.timestamp(of: $0) }, "\(query)")
    }
  }

  static let finding: [SpanStoreContract] =
    [1, 40].map { size in
      SpanStoreContract("random spans in requests of \(size) at most: every query finds what a look at all finds") {
        subject async throws in
        let (store, plain) = (subject.store, PlainSpanStore(clock: Settings().clock))
        let spans = SampleSpans.spans(size == 1 ? 120 : 500, seed: UInt64(size))
        try await plain.add(spans)
        try await store.add(spans, sizes: 1...size)
        let queries = SampleSpans.queries(size == 1 ? 30 : 120, seed: 3)
        try await compare(store, plain, Array(queries.prefix(10)))
        try await subject.settle()
        try await compare(store, plain, queries)
        for trace in Set(spans.map(\.traceID)) {
          #expect(try await store.trace(trace) == (try await plain.trace(trace)))
        }
      }
    } + [
      SpanStoreContract("an order is one of all that match, and the store says whether there are more") {
        subject async throws in
        let (store, plain) = (subject.store, PlainSpanStore(clock: Settings().clock))
        let spans = SampleSpans.spans(150, seed: 8)
        try await plain.add(spans)
        try await store.add(spans, sizes: 1...30)
        try await subject.settle()
        for var query in SampleSpans.queries(12, seed: 2) + [SampleSpans.everything] {
          for order in TraceOrder.allCases {
            for limit in [0, 1, 5, 1_000] {
              query.limit = limit
              let found = try await store.summaries(query, by: order)
              let expected = try await plain.summaries(query, by: order)
              #expect(found.traces.map(\.timestamp) == expected.traces.map(\.timestamp), "\(order) \(query)")
              #expect(found.traces.map(\.spanCount) == expected.traces.map(\.spanCount), "\(order) \(query)")
              if limit > 0 { #expect(found.hasMore == expected.hasMore, "\(order) \(query)") }
            }
          }
        }
      }
    ]

  static let counting: [SpanStoreContract] = [
    SpanStoreContract("names are listed once, sorted, by service") { subject async throws in
      let (store, plain) = (
        subject.store, PlainSpanStore(clock: Settings().clock, autocompleteKeys: Settings().autocompleteKeys)
      )
      var spans = SampleSpans.spans(60, seed: 4)
      for index in spans.indices { spans[index].tags.append(.init("environment", ["blue", "", "green"][index % 3])) }
      spans.append(
        TraceTestSupport.span(
          trace: 9, 1, .client, service: "web", name: "", remote: "10.0.0.1",
          tags: [.init("upstream_cluster", "Backend"), .init("environment", "red")]))
      try await plain.add(spans)
      try await store.add(spans, sizes: 1...30)
      try await subject.settle()
      #expect(store.serviceNames() == ["s0", "s1", "s2", "s3", "web"])
      for service in ["s0", "S1", "s2", "s3", "web", "none"] {
        #expect(store.spanNames(service: service) == plain.spanNames(service: service))
        #expect(store.remoteServiceNames(service: service) == plain.remoteServiceNames(service: service))
      }
      #expect(store.remoteServiceNames(service: "web") == ["10.0.0.1", "backend"])
      #expect(store.autocompleteValues(key: "environment") == ["blue", "green", "red"])
      #expect(store.autocompleteValues(key: "n").isEmpty)
    },
    SpanStoreContract("calls are counted once, wherever their spans are, and also while spans come") {
      subject async throws in
      let (store, plain) = (subject.store, PlainSpanStore(clock: Settings().clock))
      let spans = SampleSpans.spans(300, seed: 11)
      for first in stride(from: 0, to: spans.count, by: 10) {
        let some = Array(spans[first..<min(first + 10, spans.count)])
        try await plain.add(some)
        try await store.add(some, bytes: 0)
        if first % 200 == 0 { _ = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000) }
      }
      try await subject.settle()
      for (end, time): (Int64, Int64) in [(0, 3_600_000), (0, 10_000), (-59_000, 500), (60_000, 3_600_000)] {
        let graph = try await store.graph(endTs: SampleSpans.now + end, lookback: time)
        #expect(isAlike(graph, try await plain.graph(endTs: SampleSpans.now + end, lookback: time)))
      }
      let graph = try await store.graph(endTs: SampleSpans.now, lookback: 3_600_000)
      #expect(graph.services.map(\.spans).reduce(0, +) == spans.count)
      #expect(graph.edges.count > 4)
      let links = try await store.dependencies(endTs: SampleSpans.now, lookback: 3_600_000)
      #expect(links.map(\.callCount) == graph.edges.map(\.figures.calls))
      for service in ["s0", "S3", "none"] {
        let found = try await store.operations(service: service, endTs: SampleSpans.now, lookback: 3_600_000)
        let expected = try await plain.operations(service: service, endTs: SampleSpans.now, lookback: 3_600_000)
        #expect(found.operations.map(\.name) == expected.operations.map(\.name))
        for (one, other) in zip(found.operations, expected.operations) {
          #expect(isAlike(one.figures, other.figures), "\(one) \(other)")
        }
        #expect(found.length == expected.length)
      }
    },
  ]
}
