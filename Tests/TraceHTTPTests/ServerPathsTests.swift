import Foundation
import HTTPService
import HTTPTypes
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

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

  @Test("a slash at the end of a path counts for nothing, and what is not there is not found, whatever the method")
  func slashes() async throws {
    let collector = try TestCollector()
    let span = #"[{"traceId":"1","id":"1"}]"#
    for (method, path, status) in [
      (HTTPRequest.Method.post, "/api/v2/spans/", 202), (.post, "/zipkin/api/v2/spans/", 202), (.get, "/health/", 200),
      (.get, "/api/v2/services/?x=1", 200), (.get, "/api/v2/trace/1/", 200), (.get, "/v1/traces/", 405),
      (.put, "/api/v2/trace/1/", 405), (.post, "/api/v2/services/", 405), (.post, "/nothing", 404),
      (.delete, "/api/v2/nothing/", 404), (.get, "/api/v1/spans/", 405),
    ] {
      let reply = await collector.send(method, path, method == .post ? Array(span.utf8) : [])
      #expect(reply.status == status, "\(method) \(path)")
    }
    let request = HTTPRequest(
      method: .post, scheme: "http", authority: "x", path: "/v1/traces/",
      headerFields: [.contentType: "application/json"])
    let answer = await collector.api.respondToOTLP(request, body: Array(#"{"resourceSpans":[]}"#.utf8))
    #expect(answer.status == .ok)
  }

  @Test("senders of spans may name the collector as they please, others may not")
  func senders() {
    for (method, path, isSender) in [
      (HTTPRequest.Method.post, "/api/v2/spans", true), (.post, "/zipkin/api/v2/spans", true),
      (.post, "/api/v1/spans/", true),
      (.post, "/v1/traces?x=1", true), (.options, "/v1/traces", true), (.get, "/api/v2/spans?serviceName=a", false),
      (.post, "/api/import", false), (.get, "/", false), (.get, "/health", false),
    ] {
      let request = HTTPRequest(method: method, scheme: "http", authority: "x", path: path)
      #expect(CollectorAPI.takesSpans(request) == isSender, "\(method) \(path)")
      #expect(CollectorAPI.acceptsAnyHost(request) == isSender, "\(method) \(path)")
    }
    for (method, path) in [(HTTPRequest.Method.get, "/receiver"), (.head, "/receiver"), (.post, "/receiver/senders")] {
      let request = HTTPRequest(method: method, scheme: "http", authority: "x", path: path)
      #expect(!CollectorAPI.takesSpans(request), "\(method) \(path)")
      #expect(CollectorAPI.acceptsAnyHost(request), "\(method) \(path)")
    }
  }
}
