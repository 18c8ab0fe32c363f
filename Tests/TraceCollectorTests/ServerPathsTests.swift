import Foundation
import HTTPTypes
import Testing

@testable import TraceCollector

/// What Zipkin's server says about itself, and pages of other origins.
@Suite struct ServerPathsTests {
  @Test func health() async throws {
    let collector = try TestCollector()
    let up = await collector.get("/health")
    #expect(up.status == 200)
    #expect(
      up.text == #"{"status":"UP","zipkin":{"status":"UP","details":{"SpanStore":{"status":"UP"}}}}"#)
    try collector.store.close()
    let down = await collector.get("/health")
    #expect(down.status == 503)
    #expect(
      down.text.hasPrefix(#"{"status":"DOWN","zipkin":{"status":"DOWN","details":{"SpanStore":{"status":"DOWN","#))
    #expect(down.text.contains("the trace store has been closed"))
  }

  @Test func configuration() async throws {
    struct Configuration: Decodable {
      struct Dependency: Decodable {
        let enabled: Bool
        let lowErrorRate: Double
        let highErrorRate: Double
      }
      let environment: String
      let queryLimit: Int
      let defaultLookback: Int
      let searchEnabled: Bool
      let dependency: Dependency
    }
    let collector = try TestCollector()
    for path in ["/config.json", "/zipkin/config.json"] {
      let configuration = try await collector.get(path).json(Configuration.self)
      #expect(configuration.queryLimit == 10)
      #expect(configuration.searchEnabled)
      #expect(configuration.dependency.highErrorRate == 0.75)
    }
    #expect(await collector.get("/info").text == #"{"zipkin":{"version":"unknown"}}"#)
  }

  @Test("What was counted, as Zipkin names it") func metrics() async throws {
    let collector = try TestCollector()
    _ = await collector.post(#"[{"traceId":"1","id":"1"},{"traceId":"1"}]"#)
    _ = await collector.post("nonsense")
    let counters = try await collector.get("/metrics").json([String: Int].self)
    #expect(
      counters == [
        "counter.zipkin_collector.messages.http": 2, "counter.zipkin_collector.messages_dropped.http": 1,
        "counter.zipkin_collector.bytes.http": 50, "counter.zipkin_collector.spans.http": 2,
        "counter.zipkin_collector.spans_dropped.http": 1,
      ])
    let page = await collector.get("/prometheus")
    #expect(page.field("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
    #expect(page.text.contains("\nzipkin_collector_spans_total{transport=\"http\"} 2\n"))
    #expect(page.text.contains("\nzipkin_storage_spans 1\n"))
  }

  // MARK: Other origins

  /// A collector, to be kept as long as its API is used, and an API that lets some origins in.
  private func collector(_ origins: [String]) throws -> (TestCollector, CollectorAPI) {
    let collector = try TestCollector()
    var settings = CollectorAPI.Settings()
    settings.allowedOrigins = origins
    return (collector, CollectorAPI(store: collector.store, settings: settings))
  }

  private static let preflight: [HTTPField.Name: String] = [
    .origin: "http://a.example", .accessControlRequestMethod: "POST", .accessControlRequestHeaders: "content-type",
  ]

  @Test("By default no page of another origin is let in") func closed() async throws {
    let (collector, api) = try collector([])
    defer { withExtendedLifetime(collector) {} }
    let preflight = await TestCollector.send(to: api, .options, "/v1/traces", fields: Self.preflight)
    #expect(preflight.status == 403)
    #expect(preflight.field("Access-Control-Allow-Origin") == nil)
    let get = await TestCollector.send(to: api, .get, "/api/v2/services", fields: [.origin: "http://a.example"])
    #expect(get.status == 200)
    #expect(get.field("Access-Control-Allow-Origin") == nil)
  }

  @Test("Named origins are let in, others are not") func named() async throws {
    let (collector, api) = try collector(["http://a.example", "http://b.example"])
    defer { withExtendedLifetime(collector) {} }
    let preflight = await TestCollector.send(to: api, .options, "/v1/traces", fields: Self.preflight)
    #expect(preflight.status == 204)
    #expect(preflight.field("Access-Control-Allow-Origin") == "http://a.example")
    #expect(preflight.field("Access-Control-Allow-Methods") == "GET, HEAD, POST")
    #expect(preflight.field("Access-Control-Allow-Headers")?.contains("Content-Type") == true)
    #expect(preflight.field("Vary") == "Origin")
    for (path, status) in [("/api/v2/services", 200), ("/api/v2/trace/1", 404), ("/v1/traces", 405)] {
      let reply = await TestCollector.send(to: api, .get, path, fields: [.origin: "http://b.example"])
      #expect(reply.status == status)
      #expect(reply.field("Access-Control-Allow-Origin") == "http://b.example")
    }
    let other = await TestCollector.send(to: api, .get, "/api/v2/services", fields: [.origin: "http://c.example"])
    #expect(other.field("Access-Control-Allow-Origin") == nil)
    #expect(other.field("Vary") == "Origin")
    let (otlp, _) = await api.respondToOTLP(
      HTTPRequest(
        method: .options, scheme: nil, authority: nil, path: "/v1/traces",
        headerFields: [.origin: "http://a.example", .accessControlRequestMethod: "POST"]))
    #expect(otlp.status.code == 204)
  }

  @Test("A star lets all in") func star() async throws {
    let (collector, api) = try collector(["*"])
    defer { withExtendedLifetime(collector) {} }
    let get = await TestCollector.send(to: api, .get, "/api/v2/services", fields: [.origin: "http://c.example"])
    #expect(get.field("Access-Control-Allow-Origin") == "*")
    let own = await TestCollector.send(to: api, .get, "/api/v2/services")
    #expect(own.field("Access-Control-Allow-Origin") == nil)
  }
}
