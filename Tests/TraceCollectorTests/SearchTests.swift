import Testing

@testable import TraceCollector

/// `GET /api/v2/traces`.
@Suite struct SearchTests {
  /// Five traces, at 0, 10, 20, 30 and 40 seconds; their ids are 1 to 5.
  private func collector(_ change: (inout SpanStore.Settings) -> Void = { _ in }) async throws -> TestCollector {
    let collector = try TestCollector(change)
    try await collector.add(
      span(trace: 1, 1, .server, service: "a", name: "get /", at: 0, for: 1_000),
      span(trace: 1, 2, parent: 1, .client, service: "a", name: "get /b", at: 1, for: 500, remote: "b"))
    try await collector.add(
      span(
        trace: 2, 1, .server, service: "b", name: "get /", at: 10_000, for: 50_000,
        tags: [.init("http.status_code", "503"), .init("error", "true"), .init("msg", "this And that")]))
    try await collector.add(
      span(
        trace: 3, 1, .server, service: "b", name: "post /", at: 20_000, for: 2_000,
        tags: [.init("http.status_code", "200"), .init("error", "false")],
        annotations: [.init(timestamp: 1, value: "retry")]),
      span(trace: 3, 2, parent: 1, service: "c", name: "work", at: 20_001, for: 100, tags: [.init("k", "v")]))
    try await collector.add(span(trace: 4, 7, parent: 6, service: "c", name: "work", at: 30_000, for: 10_000))
    try await collector.add(span(trace: 5, 1, service: "", name: "nobody", at: 40_000, for: 0))
    return collector
  }

  private func search(_ query: String, _ collector: TestCollector) async throws -> [String] {
    let reply = await collector.get("/api/v2/traces?\(query)")
    #expect(reply.status == 200)
    return try reply.json([[Reply.SpanID]].self).map { $0.first.map { String($0.traceId.suffix(1)) } ?? "" }
  }

  @Test(
    "Each parameter narrows the search",
    arguments: [
      ("", ["5", "4", "3", "2", "1"]),
      ("serviceName=b", ["3", "2"]), ("serviceName=B", ["3", "2"]), ("serviceName=all", []), ("serviceName=x", []),
      ("spanName=get+/", ["2", "1"]), ("spanName=GET%20%2F", ["2", "1"]), ("spanName=all", ["5", "4", "3", "2", "1"]),
      ("spanName=get", []), ("serviceName=a&spanName=get+/", ["1"]), ("serviceName=c&spanName=get+/", []),
      ("remoteServiceName=b", ["1"]), ("serviceName=b&remoteServiceName=b", []),
      ("minDuration=2000", ["4", "3", "2"]), ("minDuration=2000&maxDuration=10000", ["4", "3"]),
      ("serviceName=c&minDuration=2000", ["4"]), ("minDuration=500&maxDuration=500", ["1"]),
      ("annotationQuery=error", ["3", "2"]), ("annotationQuery=error=true", ["2"]),
      ("annotationQuery=http.status_code=503", ["2"]), ("annotationQuery=http.status_code%3D503", ["2"]),
      ("annotationQuery=retry", ["3"]), ("annotationQuery=retry+and+k=v", ["3"]),
      ("annotationQuery=retry+and+k=w", []), ("annotationQuery=retry=x", []),
      ("annotationQuery=msg=this+And+that", ["2"]),
      ("annotationQuery=error=true+and+error", ["2"]), ("annotationQuery=error=true+and+error=false", ["3"]),
      ("annotationQuery=+error+%3D+true+", ["2"]), ("annotationQuery=+and+", ["5", "4", "3", "2", "1"]),
      ("serviceName=b&annotationQuery=k", []),
      ("errorsOnly=true", ["2"]), ("errorsOnly=false&limit=1", ["5"]), ("serviceName=a&errorsOnly=true", []),
      ("limit=2", ["5", "4"]), ("limit=2&serviceName=b", ["3", "2"]), ("limit=1&spanName=get+/", ["2"]),
      ("lookback=45000", ["5", "4", "3"]), ("lookback=1", []),
      ("endTs=\(TestCollector.now - 60_000 + 20_000)", ["3", "2", "1"]),
      ("endTs=\(TestCollector.now - 60_000 + 19_999)", ["2", "1"]),
      ("endTs=\(TestCollector.now - 60_000 + 20_000)&lookback=10000", ["3", "2"]),
      ("endTs=\(TestCollector.now - 60_000 + 20_000)&lookback=9999", ["3"]),
      ("endTs=9223372036854775807&lookback=9223372036854775807", ["5", "4", "3", "2", "1"]),
      ("endTs=1&lookback=9223372036854775807", []), ("unknown=1&limit=1&limit=5", ["5"]),
    ])
  func parameters(query: String, expected: [String]) async throws {
    let collector = try await collector()
    #expect(try await search(query, collector) == expected)
  }

  @Test("The conditions may hold in different spans of a service's trace, but all must")
  func conditionsInDifferentSpans() async throws {
    let collector = try await collector()
    #expect(try await search("spanName=work&annotationQuery=http.status_code=200", collector) == ["3"])
    #expect(try await search("serviceName=c&spanName=work&annotationQuery=http.status_code=200", collector) == [])
  }

  @Test("A search stops at its bounds and says so")
  func bounds() async throws {
    let collector = try await collector { $0.limits.tracesScannedPerQuery = 2 }
    // Traces that began before the time and have spans in it: only looking at them tells.
    for trace: UInt64 in 11...14 {
      try await collector.add(span(trace: trace, 1, at: 0), span(trace: trace, 2, parent: 1, at: 35_000))
    }
    let reply = await collector.get("/api/v2/traces?endTs=\(TestCollector.now - 24_500)&lookback=1000")
    #expect(reply.status == 200)
    #expect(reply.text == "[]")
    #expect(reply.field("Search-Incomplete") == "true")
    #expect(await collector.get("/api/v2/traces?limit=1").field("Search-Incomplete") == nil)
    #expect(await collector.get("/api/summaries?limit=5").text.hasPrefix(#"{"isComplete":false,"traces":[{"#))
  }

  @Test("An answer is bounded by its spans, but a first trace always comes")
  func spansPerQuery() async throws {
    let collector = try await collector { $0.limits.spansPerQuery = 3 }
    let reply = await collector.get("/api/v2/traces?endTs=\(TestCollector.now - 40_000)&limit=9")
    #expect(try reply.traces().map(\.count) == [2, 1])
    #expect(reply.field("Search-Incomplete") == "true")
    let one = try await self.collector { $0.limits.spansPerQuery = 1 }
    #expect(try await one.get("/api/v2/traces?serviceName=a").traces().map(\.count) == [2])
    #expect(await one.get("/api/summaries").text.hasPrefix(#"{"isComplete":true"#))
  }

  @Test("The newest come first and many services are merged rightly")
  func order() async throws {
    let collector = try TestCollector()
    var spans: [Span] = []
    for number in 0..<300 {
      spans.append(span(trace: UInt64(number) + 1, 1, service: "s\(number % 90)", at: Int64(number * 7_919 % 300) * 10))
    }
    #expect(try await collector.store.add(spans).isEmpty)
    let query = TraceQuery(endTs: TestCollector.now, lookback: 86_400_000, limit: 120)
    let starts = try await collector.store.search(query).traces.compactMap { $0.first?.timestamp }
    #expect(starts == spans.map(\.timestamp).sorted(by: >).prefix(120).map { $0 })
  }

  @Test("A span without a time is found by when it came, if another of its trace has one")
  func spansWithoutTime() async throws {
    let collector = try TestCollector()
    var timeless = span(2, parent: 1, service: "late")
    timeless.timestamp = 0
    try await collector.add(span(1, service: "a"), timeless)
    #expect(try await search("serviceName=late", collector) == ["a"])
  }

  @Test func summaries() async throws {
    struct Summaries: Decodable {
      struct Trace: Decodable {
        struct Service: Decodable {
          let name: String
          let spanCount: Int
        }
        let traceId: String
        let rootName: String
        let duration: Int
        let spanCount: Int
        let errorCount: Int
        let services: [Service]
      }
      let isComplete: Bool
      let traces: [Trace]
    }
    let collector = try await collector()
    let summaries = try await collector.get("/api/summaries?limit=3").json(Summaries.self)
    #expect(summaries.isComplete)
    #expect(summaries.traces.map(\.rootName) == ["nobody", "work", "post /"])
    #expect(summaries.traces.map(\.duration) == [0, 10_000, 2_000])
    #expect(summaries.traces.last?.services.map(\.name) == ["b", "c"])
    #expect(summaries.traces.map(\.spanCount) == [1, 1, 2])
  }

  @Test("Escapes in a query are undone, wrong ones stand for themselves")
  func escapes() {
    let parameters = QueryParameters("/p?a=%41%zz%4&b=%ff&c&d==&a=2&%65=x")
    #expect(parameters["a"] == "A%zz%4")
    #expect(parameters["b"] == "\u{FFFD}")
    #expect(parameters["c"] == nil)
    #expect(parameters["d"] == "=")
    #expect(parameters["e"] == "x")
  }
}
