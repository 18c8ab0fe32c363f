import Deflate
import Foundation
import HTTPTypes
import Testing

@testable import TraceFormats
@testable import TraceModel
@testable import TraceStore

/// Files of traces that come in, whatever of the known forms they have.
@Suite struct ImportTests {
  /// As Jaeger's query service answers, with what its clients and exporters write.
  static let jaeger = #"""
    {"data":[{"traceID":"5982fe77008310cc80f1da5e10147517","spans":[
      {"traceID":"5982fe77008310cc80f1da5e10147517","spanID":"1","flags":1,"operationName":"GET /Cart","references":[],
       "startTime":1790812740000000,"duration":2500,"tags":[{"key":"span.kind","type":"string","value":"client"},
        {"key":"http.status_code","type":"int64","value":503},{"key":"ratio","type":"float64","value":0.50},
        {"key":"error","type":"bool","value":true},{"key":"peer.service","type":"string","value":"Cart"},
        {"key":"peer.ipv4","type":"string","value":"10.1.2.3"},{"key":"peer.port","type":"int64","value":8080}],
       "logs":[{"timestamp":1790812740000009,"fields":[{"key":"event","type":"string","value":"retry"}]},
        {"timestamp":1790812740000001,"fields":[{"key":"event","type":"string","value":"exception"},
         {"key":"code","type":"int64","value":7}]}],
       "processID":"p1","warnings":null},
      {"traceID":"5982fe77008310cc80f1da5e10147517","spanID":"2","flags":3,"operationName":"sub",
       "references":[{"refType":"FOLLOWS_FROM","traceID":"9","spanID":"8"},
        {"refType":"CHILD_OF","traceID":"5982fe77008310cc80f1da5e10147517","spanID":"0000000000000001"}],
       "startTime":1790812740000100,"duration":50,"tags":[{"key":"span.kind","type":"string","value":"internal"},
        {"key":"error","type":"bool","value":true},{"key":"error.message","type":"string","value":"no room"}],
       "logs":[],"processID":"p2","warnings":[]}],
     "processes":{"p1":{"serviceName":"Shop","tags":[{"key":"hostname","type":"string","value":"h1"},
       {"key":"ip","type":"string","value":"10.0.0.1"}]},"p2":{"serviceName":"shop","tags":[]}},"warnings":null}],
     "total":0,"limit":0,"offset":0,"errors":null}
    """#

  private static let id = TraceID(high: 0x5982_fe77_0083_10cc, low: 0x80f1_da5e_1014_7517)

  static let jaegerSpans = [
    Span(
      traceID: id, id: 1, kind: .client, name: "get /cart", timestamp: 1_790_812_740_000_000, duration: 2_500,
      localEndpoint: Endpoint(serviceName: "shop", ipv4: "10.0.0.1"),
      remoteEndpoint: Endpoint(serviceName: "cart", ipv4: "10.1.2.3", port: 8_080),
      annotations: [
        .init(timestamp: 1_790_812_740_000_009, value: "retry"),
        .init(timestamp: 1_790_812_740_000_001, value: #""exception": {"code":7}"#),
      ],
      tags: [.init("hostname", "h1"), .init("http.status_code", "503"), .init("ratio", "0.50"), .init("error", "true")]),
    Span(
      traceID: id, id: 2, parentID: 1, name: "sub", timestamp: 1_790_812_740_000_100, duration: 50,
      localEndpoint: Endpoint(serviceName: "shop"),
      tags: [.init("error", "no room"), .init("otlp.link.0", "0000000000000009|0000000000000008||{}|0")], isDebug: true),
  ]

  private func parse(_ text: String) throws -> ParsedSpans {
    try ImportParser.parse(Array(text.utf8), limits: CollectorLimits())
  }

  @Test("Jaeger's traces: an answer, a trace of it, a list of traces, and spans in lines") func jaegerForms() throws {
    let answer = try parse(Self.jaeger)
    #expect(answer.spans == Self.jaegerSpans)
    #expect(answer.rejections == [])
    let trace = Self.jaeger.replacing(#"{"data":["#, with: "").replacing(
      /],\s*"total".*/.dotMatchesNewlines(), with: "")
    for text in [trace, "[\(trace)]", "\(trace)\n\n\(trace)"] {
      #expect(try Array(parse(text).spans.prefix(2)) == Self.jaegerSpans)
    }
    let line = #"""
      {"traceID":"a","spanID":"b","parentSpanID":"c","operationName":"X","startTime":5,"duration":6,"tags":null,
       "process":{"serviceName":"s","tags":[]}}
      """#
    let spans = try parse(line + "\n" + line.replacing("\"b\"", with: "\"d\"")).spans
    #expect(spans.map(\.id) == [0xB, 0xD])
    #expect(spans.map(\.parentID) == [0xC, 0xC])
    #expect(spans.map(\.serviceName) == ["s", "s"])
  }

  @Test("A span of Jaeger's that is wrong leaves the others, and is named") func badJaeger() throws {
    let text = #"""
      {"spans":[{"spanID":"1"},{"traceID":"1","spanID":"x"},{"traceID":"1","spanID":"2","processID":"p9"},7,
       {"traceID":"1","spanID":"3"}],"processes":{}}
      """#
    let result = try parse(text)
    #expect(result.indices == [4])
    #expect(
      result.rejections.map(\.reason) == [
        "traceID is missing", "spanID must have 1 to 16 hexadecimal digits and not be zero", "there is no process p9",
        "a span must be an object",
      ])
  }

  @Test("OpenTelemetry's requests: alone, in lines, and as Jaeger and Tempo wrap them") func otlp() throws {
    for text in [
      OTLPSample.json, OTLPSample.json.replacing("\n", with: "") + "\n", "[\(OTLPSample.json)]",
      #"{"result":\#(OTLPSample.json)}"#, #"{"trace":\#(OTLPSample.json)}"#,
      OTLPSample.json.replacing("resourceSpans", with: "batches"),
    ] {
      #expect(try parse(text).spans == [OTLPSample.expected])
    }
    let line = OTLPSample.json.replacing("\n", with: "")
    let lines = try parse([line, line, line].joined(separator: "\r\n"))
    #expect(lines.spans == [OTLPSample.expected, OTLPSample.expected, OTLPSample.expected])
    #expect(lines.indices == [0, 1, 2])
    let base64 = line.replacing("5982FE77008310CC80F1DA5E10147517", with: "WYL+dwCDEMyA8dpeEBR1Fw==")
      .replacing("67fae42571535f60", with: "Z/rkJXFTX2A=")
    #expect(try parse(base64).spans == [OTLPSample.expected])
  }

  @Test("Zipkin's spans of both versions, in lists, in lists of lists and in lines") func zipkin() throws {
    let v2 =
      #"{"traceId":"1","id":"2","name":"a","localEndpoint":{"serviceName":"s"},"annotations":[{"timestamp":1,"value":"x"}]}"#
    let v1 = #"""
      {"traceId":"1","id":"3","name":"b","annotations":[{"timestamp":1,"value":"sr","endpoint":{"serviceName":"t"}},
       {"timestamp":5,"value":"ss","endpoint":{"serviceName":"t"}}]}
      """#
    let binary = #"{"traceId":"1","id":"4","binaryAnnotations":[{"key":"k","value":"v"}]}"#
    #expect(try parse("[\(v2)]").spans.map(\.serviceName) == ["s"])
    for text in ["[\(v1),\(binary)]", "[[\(v1)],[\(binary)]]", "\(v1)\n\(binary)"] {
      let spans = try parse(text).spans
      #expect(spans.map(\.id) == [3, 4])
      #expect(spans.map(\.kind) == [.server, nil])
      #expect(spans.map(\.duration) == [4, 0])
      #expect(spans.last?.tags == [.init("k", "v")])
    }
    let mixed = try parse("\u{FEFF}\(v2)\n[\(v1)]\n\n[[\(v2)],[]]\n\(Self.jaeger)\n\(OTLPSample.json)")
    #expect(mixed.spans.map(\.id) == [2, 3, 2, 1, 2, OTLPSample.expected.id])
    #expect(mixed.indices == [0, 1, 2, 3, 4, 5])
    #expect(try parse("[]").spans == [])
    #expect(try parse("[{}]").rejections.map(\.reason) == ["traceId is missing"])
  }

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
      let reply = await collector.send(.post, path, Array(Self.jaeger.utf8))
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
    let reply = await collector.send(.post, "/api/import", try Gzip.compress(Array(Self.jaeger.utf8)))
    #expect(reply.status == 202)
    #expect(collector.store.spanCount == 2)
    #expect(
      await collector.send(.post, "/api/v2/spans", try Gzip.compress(Array("[]".utf8))).status == 400,
      "elsewhere it has to be said")
  }

  @Test("The bounds of a request hold for the whole file") func bounds() async throws {
    var limits = CollectorLimits()
    limits.spansPerRequest = 3
    let span = #"{"traceId":"1","id":"2","tags":{"a":"b","c":"d"}}"#
    func parse(_ text: String) throws -> ParsedSpans { try ImportParser.parse(Array(text.utf8), limits: limits) }
    #expect(try parse("\(span)\n\(span)\n\(span)").spans.count == 3)
    for text in [
      "\(span)\n\(span)\n\(span)\n\(span)", "[[\(span),\(span)],[\(span),\(span)]]", "[[],[],[],[]]", "[]\n[]\n[]\n[]",
      "\(span)\n\(span)\n\(Self.jaeger)", "\(span)\n[\(span),\(span),\(span)]",
    ] {
      #expect(throws: CollectorError.self, "\(text)") { try parse(text) }
    }
    limits.valuesPerRequest = 5
    let result = try parse("\(span)\n\(span)\n\(span)")
    #expect(result.indices == [0, 1])
    #expect(result.values.count <= 5)
    #expect(result.rejections.map(\.index) == [2])
  }
}
