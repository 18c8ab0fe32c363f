import HTTPTypes
import Testing

@testable import TraceFormats
@testable import TraceModel
@testable import TraceStore

/// Zipkin's `ListOfSpans`.
@Suite struct ZipkinProtobufParserTests {
  static let full = ProtobufBytes { list in
    list.message(1) { span in
      span.id(1, 0x5982_fe77_0083_10cc, 0x80f1_da5e_1014_7517)
      span.id(2, 0x9039_4f6b_cffb_5d13)
      span.id(3, 0x67fa_e425_7153_5f60)
      span.number(4, 2)
      span.text(5, "Get /M/N")
      span.fixed(6, 1_516_781_775_726_000)
      span.number(7, 26_000)
      span.message(8) {
        $0.text(1, "Site")
        $0.data(2, [185, 23, 35, 5])
        $0.data(3, [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 10) + [0xc0, 0x01])
        $0.number(4, 8_080)
      }
      span.message(9) {
        $0.text(1, "caller")
        $0.data(3, [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 1, 2, 3, 4])
      }
      span.message(10) {
        $0.fixed(1, 1_516_781_775_726_001)
        $0.text(2, "foo")
      }
      for (key, value) in [("http.path", "/aé😀\n"), ("twice", "1"), ("twice", "2")] {
        span.message(11) {
          $0.text(1, key)
          $0.text(2, value)
        }
      }
      span.number(12, 1)
      span.number(13, 1)
      // Fields of some later version.
      span.text(99, "unknown")
      span.number(100, 1)
      span.fixed(101, 1)
      span.raw([0xb5, 0x06, 1, 2, 3, 4])
    }
  }.bytes

  private func parse(
    _ bytes: [UInt8], _ limits: CollectorLimits = CollectorLimits()
  ) throws -> ParsedSpans {
    try ZipkinProtobufParser.parse(bytes, limits: limits)
  }

  @Test func everyFieldIsRead() throws {
    let expected = Span(
      traceID: TraceID(high: 0x5982_fe77_0083_10cc, low: 0x80f1_da5e_1014_7517), id: 0x67fa_e425_7153_5f60,
      parentID: 0x9039_4f6b_cffb_5d13, kind: .server, name: "get /m/n", timestamp: 1_516_781_775_726_000,
      duration: 26_000,
      localEndpoint: Endpoint(serviceName: "site", ipv4: "185.23.35.5", ipv6: "2001:db8::c001", port: 8_080),
      remoteEndpoint: Endpoint(serviceName: "caller", ipv4: "1.2.3.4"),
      annotations: [.init(timestamp: 1_516_781_775_726_001, value: "foo")],
      tags: [.init("http.path", "/aé😀\n"), .init("twice", "2")], isDebug: true, isShared: true)
    let result = try parse(Self.full)
    #expect(result == ParsedSpans(spans: [expected], indices: [0], values: result.values))
  }

  private static func span(_ build: (inout ProtobufBytes) -> Void) -> [UInt8] {
    ProtobufBytes { list in
      list.message(1, build)
      list.message(1) {
        $0.id(1, 1)
        $0.id(3, 1)
      }
    }.bytes
  }

  @Test("A bad span is reported, the one beside it counts") func badSpans() throws {
    let ids: (inout ProtobufBytes) -> Void = {
      $0.id(1, 1)
      $0.id(3, 1)
    }
    let cases: [(body: [UInt8], reason: String)] = [
      (Self.span { _ in }, "traceId is missing"), (Self.span { $0.id(1, 1) }, "id is missing"),
      (Self.span { $0.data(1, [1, 2]) }, "trace_id must have 8 or 16 bytes and not be zero"),
      (Self.span { $0.id(1, 0, 0) }, "trace_id must have 8 or 16 bytes and not be zero"),
      (Self.span { $0.data(3, [1]) }, "id must have 8 bytes"),
      (Self.span { $0.id(2, 1, 1) }, "parent_id must have 8 bytes"),
      (
        Self.span {
          ids(&$0)
          $0.message(8) { $0.number(4, 65_536) }
        }, "the port of an endpoint must be a number from 0 to 65535"
      ),
      (
        Self.span {
          ids(&$0)
          $0.data(5, [0xff])
        }, "byte 24: a text is not UTF-8"
      ),
      (
        Self.span {
          ids(&$0)
          $0.raw([0x2a, 0x7f])
        }, "byte 23: a value of 127 bytes goes beyond the end of its message"
      ),
      (Self.span { $0.raw([0x38] + [UInt8](repeating: 0xff, count: 10)) }, "byte 3: a number is longer than 64 bits"),
      (Self.span { $0.raw([0x38, 0x80]) }, "byte 3: a number is truncated"),
      (Self.span { $0.raw([0x31, 1, 2]) }, "byte 3: a number of 8 bytes is truncated"),
      (Self.span { $0.raw([0x0b]) }, "byte 2: a field has the wire type 3, which is not known"),
      (Self.span { $0.raw([0x02]) }, "byte 2: a field has no valid number"),
      (
        Self.span {
          ids(&$0)
          for _ in 0...512 { $0.message(11) { $0.text(1, "a") } }
          for index in 0...512 { $0.message(11) { $0.text(1, "\(index)") } }
        }, "more than 512 tags"
      ),
    ]
    for (body, reason) in cases {
      let result = try parse(body)
      #expect(result.rejections == [SpanRejection(index: 0, reason: reason)])
      #expect(result.spans.map(\.id) == [1])
      #expect(result.indices == [1])
    }
  }

  @Test("What is not a list is refused", arguments: [[0x0a], [0x0a, 5, 1], [0x0c], [0xff], [0x08]] as [[UInt8]])
  func noList(bytes: [UInt8]) {
    #expect(throws: CollectorError.self) { try parse(bytes) }
  }

  @Test("Every shortened list is refused or read, none traps") func truncated() {
    for count in Self.full.indices { _ = try? parse(Array(Self.full[..<count])) }
  }

  @Test func tooMany() throws {
    var limits = CollectorLimits()
    limits.spansPerRequest = 1
    #expect(throws: CollectorError.self) { try parse(Self.full + Self.full, limits) }
    #expect(try parse(Self.full, limits).spans.count == 1)
  }

  @Test("It is stored through the API and found") func posted() async throws {
    let collector = try TestCollector()
    let reply = await collector.post(Self.full, fields: [.contentType: "application/x-protobuf"])
    #expect(reply.status == 202)
    #expect(reply.body.isEmpty)
    let found = await collector.get("/api/v2/trace/80f1da5e10147517")
    #expect(found.text.contains(#""traceId":"5982fe77008310cc80f1da5e10147517""#))
    let partly = await collector.post(
      Self.span { $0.id(1, 7) }, fields: [.contentType: "application/x-protobuf; charset=binary"])
    #expect(partly.status == 202)
    #expect(partly.text == #"{"stored":1,"rejected":[{"index":0,"reason":"id is missing"}]}"#)
    let damaged = await collector.post([0x0a, 9], fields: [.contentType: "application/x-protobuf"])
    #expect(damaged.status == 400)
    #expect(
      damaged.text == "the body is not a list of spans in protobuf: byte 1: a value of 9 bytes goes beyond the end of "
        + "its message\n")
  }
}
