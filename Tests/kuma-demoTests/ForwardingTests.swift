import HTTPTypes
import Hummingbird
import LoopbackTestSupport
import NIOCore
import Synchronization
import Testing
import TraceHeaders

@testable import kuma_demo

/// What a service of the demo copies from a request to the requests that it makes for it.
@Suite("A service of the demo")
struct ForwardingTests {
  /// The headers of the calls that a service makes for a request.
  private static func forwarded(_ headers: [String: String]) async throws -> [String: String] {
    let seen = Mutex<[String: String]>([:])
    try await LoopbackServer.run { request, _ in
      seen.withLock { seen in
        for field in request.headerFields { seen[field.name.canonicalName] = field.value }
      }
      return (HTTPResponse(status: .ok), Array(#"{"service":"api","calls":[]}"#.utf8))
    } _: { base in
      let service = ShopService(
        name: "web", calls: [ShopService.Call(name: "api", url: base, host: "api.mesh")], failsEvery: nil,
        workMilliseconds: 0)
      var fields = HTTPFields()
      for (name, value) in headers { if let name = HTTPField.Name(name) { fields[name] = value } }
      let request = Request(
        head: HTTPRequest(method: .get, scheme: "http", authority: "web", path: "/", headerFields: fields),
        body: RequestBody(buffer: ByteBuffer()))
      _ = try await service.respond(to: request)
    }
    return seen.withLock { seen in seen.filter { ForwardedHeaders.all.contains($0.key) } }
  }

  @Test(
    "passes on every header of a trace, whichever tracer the proxy has",
    arguments: [
      [:], ["b3": "463ac35c9f6413ad-a2fb4a1d1a96d312-1"],
      [
        "x-request-id": "1", "x-b3-traceid": "2", "x-b3-spanid": "3", "x-b3-parentspanid": "4", "x-b3-sampled": "1",
        "x-b3-flags": "1",
      ],
      [
        "x-datadog-trace-id": "1", "x-datadog-parent-id": "2", "x-datadog-sampling-priority": "1",
        "x-datadog-tags": "_dd.p.dm=-0", "traceparent": "00-6b0b0533000000009d8cdaa6091d962b-9d8cdaa6091d962b-01",
        "tracestate": "dd=s:1",
      ],
    ] as [[String: String]])
  func forwards(headers: [String: String]) async throws {
    var more = headers
    more["x-something-else"] = "1"
    #expect(try await Self.forwarded(more) == headers)
  }

  @Test("knows its trace by any of them")
  func trace() {
    #expect(ShopService.traceID([("x-b3-traceid", "463ac35c9f6413ad")]) == "463ac35c9f6413ad")
    #expect(ShopService.traceID([("b3", "463ac35c9f6413ad-a2fb4a1d1a96d312-1")]) == "463ac35c9f6413ad")
    #expect(
      ShopService.traceID([("traceparent", "00-6b0b0533000000009d8cdaa6091d962b-9d8cdaa6091d962b-01")])
        == "6b0b0533000000009d8cdaa6091d962b")
    #expect(ShopService.traceID([("b3", "0")]) == nil)
    #expect(ShopService.traceID([]) == nil)
  }
}
