import Foundation
import Testing
import TraceTestSupport

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// `GET /api/v2/traces`.
@Suite struct SearchTests {
  /// Five traces, at 0, 10, 20, 30 and 40 seconds; their ids are 1 to 5.
  private func collector(_ change: (inout SegmentStore.Settings) -> Void = { _ in }) async throws -> TestCollector {
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
      ("annotationQuery=+error+%3D+true+", ["2"]), ("annotationQuery=++", ["5", "4", "3", "2", "1"]),
      ("annotationQuery=error=", ["3", "2"]), ("maxTraceDuration=2000", ["5", "3", "1"]),
      ("minDuration=2000&maxTraceDuration=10000", ["4", "3"]), ("serviceName=c&maxTraceDuration=1999", []),
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

  @Test(
    "What cannot be meant is an error that says why",
    arguments: [
      ("annotationQuery=error+and", "must have a condition on both sides of each 'and': 'error and'"),
      ("annotationQuery=and+error", "must have a condition on both sides of each 'and': 'and error'"),
      ("annotationQuery=+and+", "must have a condition on both sides of each 'and': ' and '"),
      ("annotationQuery=error+and++and+k=v", "must have a condition on both sides of each 'and': 'error and  and k=v'"),
      ("annotationQuery=k=v+AND", "must have a condition on both sides of each 'and': 'k=v AND'"),
      ("annotationQuery=error+AND+k=v", "must write 'and' between conditions in small letters: 'error AND k=v'"),
      ("annotationQuery=k=v+And+l=w", "must write 'and' between conditions in small letters: 'k=v And l=w'"),
      ("annotationQuery=error+or+k=v", "can join conditions with 'and' only: 'error or k=v'"),
      ("annotationQuery=k=v+or+l=w", "can join conditions with 'and' only: 'k=v or l=w'"),
      ("annotationQuery==503", "must name a tag before '=': '=503'"),
      ("annotationQuery=k!=v", "can compare with one '=' only: 'k!=v'"),
      ("annotationQuery=http.status_code>=500", "can compare with one '=' only: 'http.status_code>=500'"),
      ("annotationQuery=k==v", "can compare with one '=' only: 'k==v'"),
      ("annotationQuery=%22error", "must close each quote and parenthesis: '\"error'"),
      ("annotationQuery=k=%22v", "must close each quote and parenthesis: 'k=\"v'"),
      ("annotationQuery=(error+and+k=v)", "must close each quote and parenthesis: '(error'"),
      ("annotationQuery=k=v)", "must close each quote and parenthesis: 'k=v)'"),
    ])
  func unmeant(query: String, reason: String) async throws {
    let collector = try await collector()
    for path in ["/api/v2/traces", "/api/summaries", "/api/export/zipkin"] {
      let reply = await collector.get("\(path)?\(query)")
      #expect(reply.status == 400)
      #expect(reply.text == "the parameter annotationQuery \(reason)\n")
    }
  }

  @Test(
    "Texts that look a little like that are searched for",
    arguments: [
      "f(x) failed: (why)", "\"quoted\"", "two or three", "this And that", "half a ( parenthesis", "5 > 3", "a=b", "!",
    ])
  func meant(value: String) async throws {
    let collector = try await collector()
    try await collector.add(span(trace: 6, 1, at: 50_000, tags: [.init("t", value)]))
    let escaped = try #require(value.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
    #expect(try await search("annotationQuery=t%3D\(escaped)", collector) == ["6"])
  }

  @Test("Durations that cannot be meant are errors that say why")
  func unmeantDurations() async throws {
    let collector = try await collector()
    for (query, text) in [
      ("minDuration=5&maxDuration=4", "the parameter maxDuration must not be smaller than minDuration\n"),
      ("minDuration=5&maxTraceDuration=4", "the parameter maxTraceDuration must not be smaller than minDuration\n"),
      ("order=best", "the parameter order must be one of newest, longest, spans, errors, not 'best'\n"),
    ] {
      let reply = await collector.get("/api/summaries?\(query)")
      #expect(reply.status == 400)
      #expect(reply.text == text)
    }
  }

  private struct Summaries: Decodable {
    struct Trace: Decodable { let traceId: String }
    let isComplete: Bool
    let hasMore: Bool
    let traces: [Trace]
    var names: [String] { traces.map { String($0.traceId.suffix(1)) } }
  }

  @Test(
    "An order is one of all that match, not of the newest",
    arguments: [
      ("order=longest&limit=2", ["2", "4"], true), ("order=longest&limit=5", ["2", "4", "3", "1", "5"], false),
      ("order=spans&limit=2", ["3", "1"], true), ("order=errors&limit=1", ["2"], true),
      // Those that are equal: the newest first.
      ("order=errors&limit=9", ["2", "5", "4", "3", "1"], false),
      ("order=longest&limit=1&serviceName=c", ["4"], true), ("order=longest&limit=2&serviceName=c", ["4", "3"], false),
      ("order=longest&limit=9&lookback=45000", ["4", "3", "5"], false),
      ("order=newest&limit=4", ["5", "4", "3", "2"], true), ("limit=5", ["5", "4", "3", "2", "1"], false),
      ("limit=1&serviceName=x", [], false), ("limit=2&serviceName=b", ["3", "2"], false),
      ("limit=1&serviceName=b", ["3"], true),
    ])
  func orders(query: String, expected: [String], hasMore: Bool) async throws {
    let found = try await collector().get("/api/summaries?\(query)").json(Summaries.self)
    #expect(found.names == expected)
    #expect(found.hasMore == hasMore)
    #expect(found.isComplete)
  }

  @Test("An order looks at so many traces at most, says so, and keeps no more than are wanted")
  func orderBounds() async throws {
    let collector = try await collector { $0.limits.tracesScannedPerQuery = 3 }
    let found = try await collector.get("/api/summaries?order=longest&limit=2").json(Summaries.self)
    #expect(found.names == ["4", "3"])
    #expect(!found.isComplete && found.hasMore)
    var ranking = TraceRanking(by: .longest, limit: 3)
    for number: UInt64 in 1...1_000 { ranking.add([span(trace: number, 1, for: Int64(number * 7_919 % 1_000))]) }
    #expect(ranking.count == 1_000)
    #expect(ranking.summaries.map(\.duration) == [999, 998, 997])
  }

  @Test("Traces that began at one moment are always in one order")
  func equals() async throws {
    var orders: Set<[String]> = []
    for shift: UInt64 in 0..<4 {
      let collector = try TestCollector()
      for number: UInt64 in 0..<8 { try await collector.add(span(trace: (number + 2 * shift) % 8 + 1, 1)) }
      for query in ["limit=6", "limit=6&order=longest", "limit=6&order=errors"] {
        orders.insert(try await collector.get("/api/summaries?\(query)").json(Summaries.self).names)
      }
    }
    #expect(orders.count == 1, "\(orders)")
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
    try await collector.store.add(spans)
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
}
