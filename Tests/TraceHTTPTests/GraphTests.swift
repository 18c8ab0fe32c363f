import HTTPTypes
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// `GET /api/graph` and `GET /api/operations`.
@Suite(.heavy) struct GraphTests {
  private static let failed = [Span.Tag("error", "true")]

  private func collector() async throws -> TestCollector {
    let collector = try TestCollector()
    for number in 0..<100 {
      let trace = UInt64(number + 1)
      try await collector.add(
        span(
          trace: trace, 3, parent: 2, .client, service: "web", name: "api", at: Int64(number),
          for: 10_000 + Int64(number),
          tags: number < 5 ? Self.failed : []))
      try await collector.add(
        span(
          trace: trace, 2, parent: nil, .server, service: "web", name: "get /\(number % 2)", at: Int64(number),
          for: 20_000))
      try await collector.add(
        span(
          trace: trace, 3, parent: 2, .server, service: "api", name: "get /x", at: Int64(number), for: 5_000,
          shared: true))
      try await collector.add(
        span(
          trace: trace, 4, parent: 3, .client, service: "api", name: "query", at: Int64(number), for: 100, remote: "db")
      )
    }
    return collector
  }

  @Test func graph() async throws {
    struct Graph: Decodable, Equatable {
      struct Service: Decodable, Equatable {
        let name: String
        let spans: Int
        let calls: Int
        let errors: Int
      }
      struct Edge: Decodable, Equatable {
        let parent: String
        let child: String
        let calls: Int
        let errors: Int
        let p50: Int
        let p90: Int
        let p99: Int
        let max: Int
      }
      let services: [Service]
      let edges: [Edge]
    }
    let graph = try await collector().get("/api/graph").json(Graph.self)
    #expect(
      graph.services == [
        .init(name: "api", spans: 200, calls: 100, errors: 0), .init(name: "db", spans: 0, calls: 100, errors: 0),
        .init(name: "web", spans: 200, calls: 100, errors: 0),
      ])
    #expect(
      graph.edges.map { "\($0.parent)>\($0.child) \($0.calls) \($0.errors)" } == ["api>db 100 0", "web>api 100 5"])
    // As the caller saw it.
    let edge = try #require(graph.edges.last)
    #expect(edge.max == 10_099)
    for (value, exact) in [(edge.p50, 10_049), (edge.p90, 10_089), (edge.p99, 10_098)] {
      #expect(abs(Double(value - exact)) / Double(exact) < 0.02)
    }
  }

  @Test func operations() async throws {
    let collector = try await collector()
    let web = await collector.get("/api/operations?serviceName=Web&lookback=100000")
    #expect(
      web.text == #"{"service":"web","operations":[{"name":"get /0","calls":50,"errors":0,"p50":20000,"p90":20000,"#
        + #""p99":20000,"max":20000,"perSecond":0.8333333333333334},{"name":"get /1","calls":50,"errors":0,"p50":20000,"p90":20000,"#
        + #""p99":20000,"max":20000,"perSecond":0.8333333333333334}]}"#)
    #expect(await collector.get("/api/operations?serviceName=x").text == #"{"service":"x","operations":[]}"#)
    // The first call was a minute ago: that is what there is of an hour, and of a time that has not come yet.
    for query in ["lookback=3600000", "endTs=\(TestCollector.now + 600_000)&lookback=3600000"] {
      let text = await collector.get("/api/operations?serviceName=web&\(query)").text
      #expect(text.ranges(of: #""perSecond":0.8333"#).count == 2, "\(text)")
    }
    #expect(await collector.get("/api/operations").status == 400)
  }

  @Test("What is outside of the time does not count")
  func time() async throws {
    let collector = try await collector()
    let now = TestCollector.now
    for query in ["endTs=\(now - 70_001)", "endTs=\(now)&lookback=1000"] {
      let text = await collector.get("/api/graph?\(query)").text
      #expect(text.hasPrefix(#"{"services":[],"edges":[],"seconds":"#), "\(text)")
    }
  }

  @Test("Rates are over the time from the first call on, one slot at least")
  func length() async throws {
    let collector = try await collector()
    let now = TestCollector.now
    func seconds(_ query: String) async throws -> Double {
      struct Graph: Decodable { let seconds: Double }
      return try await collector.get("/api/graph?\(query)").json(Graph.self).seconds
    }
    #expect(try await seconds("lookback=3600000") == 60)
    #expect(try await seconds("lookback=604800000") == 60)
    #expect(try await seconds("endTs=\(now + 3_600_000)&lookback=7200000") == 60)
    #expect(try await seconds("lookback=60000") == 60)
    // All of the time that was asked for, where there were calls from its beginning on.
    try await collector.add(span(trace: 0x999, 9, .server, service: "old", at: -500_000))
    #expect(try await seconds("lookback=300000") == 60)
    #expect(try await seconds("lookback=560000") == 560)
    #expect(try await seconds("endTs=\(now - 59_999)&lookback=3600000") == 500.001)
    #expect(try await seconds("endTs=\(now - 559_999)&lookback=3600000") == 10)
  }

  @Test("A call that began a trace was made by the service, not to it")
  func brokenOff() async throws {
    let collector = try TestCollector()
    for number: UInt64 in 0..<10 {
      try await collector.add(
        span(trace: 100 + number, 1, .server, service: "orders", name: "post /orders"),
        span(
          trace: 200 + number, 200 + number, .client, service: "orders", name: "payments.mesh",
          tags: [.init("error", "true")]),
        span(trace: 200 + number, 200 + number, .server, service: "payments", name: "post /charge", shared: true),
        // One that began of itself is a request, whoever asked for it.
        span(trace: 300 + number, 1, service: "orders", name: "cleanup"))
    }
    let graph = try await collector.store.graph(endTs: TestCollector.now, lookback: 3_600_000)
    #expect(graph.services.map { "\($0.name) \($0.calls) \($0.errors)" } == ["orders 20 0", "payments 10 0"])
    let operations = try await collector.store.operations(
      service: "orders", endTs: TestCollector.now, lookback: 3_600_000
    ).operations
    #expect(operations.map(\.name) == ["cleanup", "post /orders"])
  }

  @Test("A class of lengths is at most 1.6 % wide on either side, and exact for short ones")
  func buckets() {
    var last: UInt16 = 0
    for exponent in 0..<62 {
      for part in 0..<64 {
        let length = Int64(1) << Int64(exponent) + (Int64(1) << Int64(exponent)) / 64 * Int64(part)
        let bucket = LatencyBuckets.bucket(of: length)
        #expect(bucket >= last)
        last = bucket
        let middle = LatencyBuckets.length(of: bucket)
        #expect(Double(abs(middle - length)) <= Double(length) / 64 + 0.5)
        if length < 64 { #expect(middle == length) }
      }
    }
    #expect(LatencyBuckets.bucket(of: .max) < 4_096)
    #expect(LatencyBuckets.bucket(of: -5) == 0)
  }
}
