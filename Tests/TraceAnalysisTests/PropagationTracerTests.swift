import Testing
import TraceTestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// Services whose applications have tracers of their own, behind proxies.
@Suite struct PropagationTracerTests {
  private static let proxy = [Span.Tag("node_id", "web-1"), Span.Tag("component", "proxy")]

  private func report(_ spans: [Span]) -> PropagationReport {
    var analyzer = PropagationAnalyzer()
    analyzer.add(spans, now: SampleSpans.now)
    return analyzer.report(from: 0, to: .max)
  }

  private func requests(_ count: Int, proxied: Bool) -> [Span] {
    (0..<count).flatMap { number -> [Span] in
      let (trace, at) = (UInt64(number + 1), Int64(number) * 100)
      let own = [
        span(trace: trace, 3, parent: 2, .server, service: "web", name: "get /route", at: at + 1),
        span(trace: trace, 4, parent: 3, .client, service: "web", name: "get", at: at + 2, remote: "127.0.0.1"),
      ]
      let proxies = [
        span(
          trace: trace, 2, .server, service: "web", at: at,
          tags: Self.proxy + [.init("upstream_cluster", "localhost:80")]),
        span(
          trace: trace, 5, parent: 4, .client, service: "web", at: at + 3,
          tags: Self.proxy + [.init("upstream_cluster", "API")]),
      ]
      return proxied ? proxies + own : own
    }
  }

  @Test("A request and a call count once where a proxy and the application report them, and no operation is called")
  func once() throws {
    let service = try #require(report(requests(20, proxied: true)).services.first { $0.name == "web" })
    #expect(service.inbound == 20)
    #expect(service.continued == 20)
    #expect(service.callees.map(\.name) == ["api"])
    #expect(service.verdict == .forwards)
  }

  @Test("Without a proxy the application's own spans count; a call that names nobody is one to nobody in particular")
  func alone() throws {
    let service = try #require(report(requests(20, proxied: false)).services.first { $0.name == "web" })
    #expect(service.inbound == 20)
    #expect(service.continued == 20)
    #expect(service.callees.map(\.name) == [""])
    #expect(service.callees.first?.message == "All 20 calls to services that its spans do not name continued a trace.")
  }
}
