import Deflate
import HTTPTypes
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

/// Files of traces that are sent to the collector.
@Suite struct ImportRouteTests {
  @Test("What is exported for Jaeger comes in again equal, whatever the spans are") func jaegerRoundTrip() async throws
  {
    let collector = try TestCollector()
    try await collector.add(
      // Shared ids, ids of both lengths, nothing but ids, ports, a parent that is not there, both sides' addresses.
      span(
        high: 1, 1, .client, service: "web", remote: "app", tags: [.init("n", "1"), .init("peer.service", "other")]),
      span(high: 1, 1, .server, service: "app", at: 1, tags: [.init("error", "503")], shared: true),
      span(2, parent: 1, .client, service: "app", at: 2, tags: [.init("error", ""), .init("span.kind", "odd")]),
      span(
        high: 1, 3, parent: 99, service: "", name: "", at: 3, for: 0,
        tags: [.init("error", "false"), .init("x", "1.50")]),
      Span(
        traceID: TraceID(high: 1, low: 0xA), id: 4, parentID: 3, kind: .producer, name: "unknown", timestamp: 0,
        localEndpoint: Endpoint(serviceName: "unknown", ipv4: "1.2.3.4", ipv6: "::1", port: 80),
        remoteEndpoint: Endpoint(ipv4: "4.3.2.1", ipv6: "::2", port: 81),
        annotations: [.init(timestamp: 9, value: "late"), .init(timestamp: 3, value: #"{"a":1}"#)],
        tags: [.init("error.message", "m"), .init("t", "true"), .init("big", "9007199254740993"), .init("port", "7")],
        isDebug: true),
      span(
        high: 1, 5, parent: 4, .client, service: "q", at: 9,
        tags: [.init("error", "true"), .init("city", "z")]))
    let exported = await collector.get("/api/export/jaeger/a")
    let before = await collector.get("/api/v2/trace/a")
    let other = try TestCollector()
    let reply = await other.send(.post, "/api/import", exported.body, fields: [.contentType: "application/json"])
    #expect(reply.status == 202)
    #expect(reply.text == #"{"stored":6,"rejected":[],"traceIds":["0000000000000001000000000000000a"]}"#)
    #expect(await other.get("/api/v2/trace/a").text == before.text)
    // What is changed in Jaeger's part of a span that needs no other part is what comes in.
    #expect(
      !exported.text.contains(#""zipkin":{"traceId":"0000000000000001000000000000000a","parentId":"0000000000000004""#))
    let edited = exported.text.replacing(#""value":"z""#, with: #""value":"changed""#)
    let third = try TestCollector()
    #expect(await third.send(.post, "/api/import", Array(edited.utf8)).status == 202)
    #expect(await third.get("/api/v2/trace/a").text.contains(#""city":"changed""#))
  }

  @Test("Whoever sends a file to a path for spans is told where it belongs") func misdirected() async throws {
    let collector = try TestCollector()
    for path in ["/api/v2/spans", "/api/v1/spans"] {
      let reply = await collector.send(.post, path, Array(JaegerSample.json.utf8))
      #expect(reply.status == 400)
      #expect(
        reply.text.contains("files of other kinds, such as Jaeger's, go to /api/import"), "\(path): \(reply.text)")
      let list = await collector.send(.post, path, Array("[{]".utf8))
      #expect(!list.text.contains("/api/import"), "what is wrong within a list is no matter of the path")
    }
    #expect(await !collector.send(.post, "/api/import", Array("{".utf8)).text.contains("go to /api/import"))
  }

  @Test("A packed file comes in as it is kept") func packed() async throws {
    let collector = try TestCollector()
    let reply = await collector.send(.post, "/api/import", try Gzip.compress(Array(JaegerSample.json.utf8)))
    #expect(reply.status == 202)
    #expect(collector.store.spanCount == 2)
    #expect(
      await collector.send(.post, "/api/v2/spans", try Gzip.compress(Array("[]".utf8))).status == 400,
      "elsewhere it has to be said")
  }
}
