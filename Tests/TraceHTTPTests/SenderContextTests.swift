import Foundation
import HTTPTypes
import JSONText
import Testing
import TraceAnalysis
import TraceTestSupport

@testable import TraceFormats
@testable import TraceHTTP
@testable import TraceModel
@testable import TraceStore

/// Programs that do not continue the traces of their proxies.
@Suite struct SenderContextTests {
  /// How a program and its proxy report requests.
  private struct Requests {
    var count = 12
    /// Whether the program continues the proxy's trace, for each request.
    var joins: (Int) -> Bool = { _ in false }
    /// Whether the program's trace goes on in the program behind the next service.
    var goesOn = true
    /// The path that the program says.
    var path = "/checkout"
    /// Whether the program is busy with something else while its proxy handles a request.
    var isLater = false
    /// Tags of an SDK.
    var tags: [Span.Tag] = []

    /// What the proxy of `web` reports, and what programs do.
    var spans: (proxies: [Span], programs: [Span]) {
      var (proxies, programs) = ([Span](), [Span]())
      for number in 0..<count {
        let start = Int64(number) * 500
        let proxied = UInt64(1_000 + number)
        let own = joins(number) ? proxied : UInt64(50_000 + number)
        let node = [Span.Tag("node_id", "default.web-1"), Span.Tag("component", "proxy")]
        let url = [Span.Tag("http.method", "GET"), Span.Tag("http.url", "http://web.mesh:80/checkout?a=b")]
        proxies.append(
          span(trace: proxied, proxied, .server, service: "web", at: start, for: 40_000, tags: node + url))
        // The call goes on in a trace of the proxy's own, unless the program copies B3.
        let third = joins(number) ? proxied : UInt64(90_000 + number)
        proxies.append(
          span(
            trace: third, 90_000 + UInt64(number), parent: joins(number) ? own : nil, .client, service: "web",
            at: start + 10, for: 20_000, tags: node + [.init("upstream_cluster", "backend")]))
        programs.append(
          span(
            trace: own, 60_000 + UInt64(number), parent: joins(number) ? proxied : nil, .server, service: "web",
            at: start + (isLater ? 200 : 1), for: 38_000,
            tags: tags + [.init("http.method", "GET"), .init("http.target", path)]))
        guard goesOn else { continue }
        programs.append(
          span(
            trace: own, 70_000 + UInt64(number), parent: 60_000 + UInt64(number), .server, service: "backend",
            at: start + 12, for: 10_000, tags: tags))
      }
      return (proxies, programs)
    }
  }

  private func post(_ spans: [Span], to collector: TestCollector) async {
    var json = JSONWriter()
    json.spans(spans)
    let reply = await collector.post(json.bytes)
    #expect(reply.status == 202, "\(reply.text)")
  }

  /// What is known of the program `web` and of its proxy.
  private func senders(_ requests: Requests) async throws -> (program: SenderReport, proxy: SenderReport) {
    let collector = try TestCollector()
    let (proxies, programs) = requests.spans
    // Exporters and proxies report at different times.
    await post(programs, to: collector)
    await post(proxies, to: collector)
    let known = try await collector.api.knownSenders()
    return (
      try #require(known.first { $0.kind == .program && $0.services == ["web"] }),
      try #require(known.first { $0.kind == .proxy })
    )
  }

  @Test("A program that begins traces by traceparent beside a proxy of B3 is told so, with an example of one request")
  func traceparent() async throws {
    let (program, proxy) = try await senders(Requests())
    let advice = try #require(program.advice.first)
    #expect(advice.hasPrefix("web begins traces by traceparent (its traces go on in backend past the proxies)"))
    #expect(advice.contains("three traces for one request"))
    #expect(advice.contains("of 12 requests of its proxy none"))
    #expect(advice.contains("OTEL_PROPAGATORS=b3multi"))
    #expect(advice.contains("00000000000003f3"))
    #expect(program.propagators == ["W3C"])
    #expect(proxy.propagators == ["B3"])
    #expect(proxy.advice == [])
  }

  @Test("An SDK of OpenTelemetry alone in its traces is named by its default")
  func sdk() async throws {
    let tags = [Span.Tag("otel.scope.name", "flask"), .init("telemetry.sdk.language", "python")]
    let (program, _) = try await senders(Requests(goesOn: false, tags: tags))
    #expect(try #require(program.advice.first).contains("OpenTelemetry's SDKs use traceparent alone"))
  }

  @Test("Without evidence of the header, none is named") func unknownHeader() async throws {
    let (program, _) = try await senders(Requests(goesOn: false))
    let advice = try #require(program.advice.first)
    #expect(advice.hasPrefix("web does not continue the traces of its proxy"))
    #expect(!advice.contains("traceparent"))
    #expect(program.propagators == [])
  }

  @Test("Nobody is blamed who continues traces, even if only those that are sampled twice show it") func innocent()
    async throws
  {
    for requests in [
      Requests(joins: { _ in true }), Requests(joins: { $0 == 7 }), Requests(count: 4), Requests(path: "/other"),
      Requests(isLater: true),
    ] {
      let (program, _) = try await senders(requests)
      #expect(program.advice == [], "\(program.advice)")
      #expect(!program.propagators.contains("W3C"))
    }
    let (program, proxy) = try await senders(Requests(joins: { _ in true }))
    #expect(program.propagators == ["B3"])
    #expect(proxy.propagators == ["B3"])
  }
}
