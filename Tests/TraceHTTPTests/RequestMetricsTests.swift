import Foundation
import HTTPTypes
import Testing

@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// The page with metrics of requests, from spans that were stored.
@Suite("The page of metrics of requests") struct RequestMetricsTests {
  private static let accept = "application/openmetrics-text; version=1.0.0, text/plain; q=0.5"

  private static func span(
    _ id: Int, trace: Int, _ kind: String, _ service: String, _ more: String, duration: Int = 40_000
  ) -> String {
    """
    {"traceId":"\(trace)","id":"\(id)","kind":"\(kind)","name":"get /cart","timestamp":\(TestCollector.now * 1_000),
    "duration":\(duration),"localEndpoint":{"serviceName":"\(service)"}\(more)}
    """
  }

  private func page(_ collector: TestCollector, openMetrics: Bool = false) async -> Reply {
    await collector.get("/prometheus/requests", fields: openMetrics ? [.accept: Self.accept] : [:])
  }

  @Test("counts what was stored, once, and leads to a trace where it is asked for OpenMetrics") func stored()
    async throws
  {
    let collector = try TestCollector()
    let body = [
      Self.span(1, trace: 11, "CLIENT", "web", #","remoteEndpoint":{"serviceName":"cart"}"#),
      Self.span(1, trace: 11, "SERVER", "cart", #","shared":true"#),
      Self.span(2, trace: 11, "SERVER", "cart", #","parentId":"1""#),
      Self.span(1, trace: 12, "SERVER", "cart", #","tags":{"error":"503"}"#, duration: 3_000_000),
    ]
    for _ in 0..<2 { #expect(await collector.post("[\(body.joined(separator: ","))]").status == 202) }
    let plain = await page(collector)
    #expect(plain.fields[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
    let cart = #"service="cart",operation="get /cart",kind="server""#
    for line in [
      "# TYPE kuma_trace_request_duration_seconds histogram",
      #"kuma_trace_request_duration_seconds_bucket{\#(cart),status="ok",le="0.025"} 0"#,
      #"kuma_trace_request_duration_seconds_bucket{\#(cart),status="ok",le="0.05"} 1"#,
      #"kuma_trace_request_duration_seconds_bucket{\#(cart),status="ok",le="+Inf"} 1"#,
      #"kuma_trace_request_duration_seconds_sum{\#(cart),status="ok"} 0.04"#,
      #"kuma_trace_request_duration_seconds_count{\#(cart),status="error"} 1"#,
      #"kuma_trace_call_duration_seconds_count{client="web",server="cart",status="ok"} 1"#,
      "kuma_trace_series 3", "kuma_trace_series_overflow_total 0",
    ] {
      #expect(plain.text.contains("\(line)\n"), "\(line) in \(plain.text)")
    }
    let open = await page(collector, openMetrics: true)
    #expect(open.fields[.contentType]?.hasPrefix("application/openmetrics-text; version=1.0.0") == true)
    let end = Double(TestCollector.now) / 1_000 + 0.04
    #expect(
      open.text.contains(
        #"{\#(cart),status="ok",le="0.05"} 1 # {trace_id="0000000000000011"} 0.04 \#(end)"# + "\n"), "\(open.text)")
    #expect(open.text.hasSuffix("# EOF\n"))
  }

  @Test("has its metrics before the first span, and counts nothing if a limit says so") func empty() async throws {
    let collector = try TestCollector()
    let text = await page(collector).text
    #expect(
      text.contains("# TYPE kuma_trace_call_duration_seconds histogram\n") && text.contains("kuma_trace_series 0\n"))
    let off = try TestCollector { $0.limits.metricSeries = 0 }
    #expect(await off.post("[\(Self.span(1, trace: 1, "SERVER", "web", ""))]").status == 202)
    #expect(await page(off).text.contains("kuma_trace_series 0\n"))
  }

  /// The documented bound: 10 KB for each series.
  @Test("has a bound in bytes, whatever names senders choose") func bound() async throws {
    let collector = try TestCollector { $0.limits.metricSeries = 30 }
    let name = String(repeating: #"\""#, count: 500)
    let spans = (0..<100).map { number in
      Self.span(
        1, trace: number + 1, "CLIENT", "\(name)-\(number % 40)",
        #","remoteEndpoint":{"serviceName":"\#(name)-\#(number)"}"#)
        + "," + Self.span(2, trace: number + 1, "SERVER", "\(name)-\(number % 40)", "", duration: 1 << (number % 25))
    }
    #expect(await collector.post("[\(spans.joined(separator: ","))]").status == 202)
    for openMetrics in [false, true] {
      let text = await page(collector, openMetrics: openMetrics).text
      let series = text.split(separator: "\n").count { $0.contains("le=\"+Inf\"") }
      #expect(series > 30 && series <= 3 * 30 + 6, "\(series) series")
      #expect(text.utf8.count <= series * 10_000 + 2_000, "\(text.utf8.count) bytes")
    }
  }

  @Test("is made once for all that wait for it, and nobody gets an older one") func sharing() async {
    let results = SharedResult<Int, Int>()
    let tickets = (0..<8).map { _ in results.ticket() }
    for ticket in tickets { #expect(await results.result(1, for: ticket) { 7 } == 7) }
    #expect(await results.made == 1)
    // Who asks later gets a new one, and so does another key.
    let later = (results.ticket(), results.ticket())
    #expect(await results.result(1, for: later.0) { 8 } == 8)
    #expect(await results.result(2, for: later.1) { 9 } == 9)
    #expect(await results.made == 3)
  }
}
