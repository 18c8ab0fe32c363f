import Foundation
import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel

/// Files of traces that come in, whatever of the known forms they have.
@Suite struct ImportTests {
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
    let answer = try parse(JaegerSample.json)
    #expect(answer.spans == Self.jaegerSpans)
    #expect(answer.rejections == [])
    let trace = JaegerSample.json.replacing(#"{"data":["#, with: "").replacing(
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
    let mixed = try parse("\u{FEFF}\(v2)\n[\(v1)]\n\n[[\(v2)],[]]\n\(JaegerSample.json)\n\(OTLPSample.json)")
    #expect(mixed.spans.map(\.id) == [2, 3, 2, 1, 2, OTLPSample.expected.id])
    #expect(mixed.indices == [0, 1, 2, 3, 4, 5])
    #expect(try parse("[]").spans == [])
    #expect(try parse("[{}]").rejections.map(\.reason) == ["traceId is missing"])
  }

  @Test("The bounds of a request hold for the whole file") func bounds() async throws {
    var limits = CollectorLimits()
    limits.spansPerRequest = 3
    let span = #"{"traceId":"1","id":"2","tags":{"a":"b","c":"d"}}"#
    func parse(_ text: String) throws -> ParsedSpans { try ImportParser.parse(Array(text.utf8), limits: limits) }
    #expect(try parse("\(span)\n\(span)\n\(span)").spans.count == 3)
    for text in [
      "\(span)\n\(span)\n\(span)\n\(span)", "[[\(span),\(span)],[\(span),\(span)]]", "[[],[],[],[]]", "[]\n[]\n[]\n[]",
      "\(span)\n\(span)\n\(JaegerSample.json)", "\(span)\n[\(span),\(span),\(span)]",
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
