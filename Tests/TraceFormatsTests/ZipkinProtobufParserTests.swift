import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel

/// Zipkin's `ListOfSpans`.
@Suite struct ZipkinProtobufParserTests {
  private func parse(
    _ bytes: [UInt8], _ limits: CollectorLimits = CollectorLimits()
  ) throws -> ParsedSpans {
    try SpanFormat.zipkinProtobuf.parse(bytes, limits: limits)
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
    let result = try parse(ZipkinSample.protobuf)
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
    for count in ZipkinSample.protobuf.indices { _ = try? parse(Array(ZipkinSample.protobuf[..<count])) }
  }

  @Test("Tags that many spans of a report share are read as in a report of one span")
  func sharedTags() throws {
    let shared = [("component", "proxy"), ("node_id", "default.web-1"), ("", ""), ("é", "ü"), ("a", ""), ("", "a")]
    var expected: [[Span.Tag]] = []
    let bytes = ProtobufBytes { list in
      for number in 0..<600 {
        // Another order in each span, a tag of its own, and for some spans a key that comes twice.
        var tags = shared.indices.map { shared[($0 + number) % shared.count] }
        tags.insert(("own", "\(number)"), at: number % tags.count)
        if number.isMultiple(of: 3) { tags += [("node_id", "n\(number % 5)"), ("é", "ü")] }
        list.message(1) { span in
          span.id(1, 1)
          span.id(3, UInt64(number + 1))
          for (key, value) in tags {
            span.message(11) {
              // The fields of a tag may come in any order.
              if number.isMultiple(of: 2) { $0.text(1, key) }
              $0.text(2, value)
              if !number.isMultiple(of: 2) { $0.text(1, key) }
            }
          }
        }
        var last: [Span.Tag] = []
        for (key, value) in tags {
          if let known = last.firstIndex(where: { $0.key == key }) {
            last[known].value = value
          } else {
            last.append(.init(key, value))
          }
        }
        expected.append(last)
      }
    }.bytes
    #expect(try parse(bytes).spans.map(\.tags) == expected)
  }

  @Test("Names are in lower case, and names with zero bytes are refused") func names() throws {
    func parse(_ name: String, _ service: String = "web") throws -> ParsedSpans {
      try self.parse(
        ProtobufBytes { list in
          list.message(1) {
            $0.id(1, 1)
            $0.id(3, 1)
            $0.text(5, name)
            $0.message(8) { $0.text(1, service) }
          }
        }.bytes)
    }
    let span = try #require(try parse("GET /É", "Wéb").spans.first)
    #expect(span.name == "get /é")
    #expect(span.serviceName == "wéb")
    #expect(try parse("get\u{0}").rejections.map(\.reason) == ["name holds a zero byte"])
    #expect(try parse("GET 12345\u{0}").rejections.map(\.reason) == ["name holds a zero byte"])
    #expect(try parse("a", "Service\u{0}X").rejections.map(\.reason) == ["the service's name holds a zero byte"])
    let long = String(repeating: "x", count: 1_025)
    #expect(
      try parse("a", long).rejections.map(\.reason)
        == ["the service's name is 1025 bytes long; at most 1024 are allowed"])
  }

  @Test func tooMany() throws {
    var limits = CollectorLimits()
    limits.spansPerRequest = 1
    #expect(throws: CollectorError.self) { try parse(ZipkinSample.protobuf + ZipkinSample.protobuf, limits) }
    #expect(try parse(ZipkinSample.protobuf, limits).spans.count == 1)
  }
}
