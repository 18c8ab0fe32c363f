import Testing
import TraceTestSupport

@testable import TraceFormats
@testable import TraceModel

@Suite struct SpanParserTests {
  private func parse(_ text: String, _ limits: CollectorLimits = CollectorLimits()) throws -> ParsedSpans {
    try ParsedSpans.parse(Array(text.utf8), limits: limits)
  }

  @Test func everyFieldIsRead() throws {
    let result = try parse(ZipkinSample.json)
    let expected = Span(
      traceID: TraceID(high: 0x5982_fe77_0083_10cc, low: 0x80f1_da5e_1014_7517), id: 0x67fa_e425_7153_5f60,
      parentID: 0x9039_4f6b_cffb_5d13, kind: .server, name: "get /m/n", timestamp: 1_516_781_775_726_000,
      duration: 26_000,
      localEndpoint: Endpoint(serviceName: "site", ipv4: "185.23.354.5", ipv6: "2001:db8::c001", port: 8_080),
      remoteEndpoint: Endpoint(serviceName: "caller", ipv4: "1.2.3.4"),
      annotations: [.init(timestamp: 1_516_781_775_726_001, value: "foo")],
      tags: [.init("http.path", "/aé😀\n"), .init("n", "12.50"), .init("b", "true")], isDebug: true, isShared: true)
    #expect(result == ParsedSpans(spans: [expected], indices: [0], values: result.values, remarks: result.remarks))
  }

  @Test(arguments: [
    ("1", "0000000000000001"), ("00000000000000000000000000000001", "0000000000000001"),
    ("a1234567890abcdef", "000000000000000a1234567890abcdef"), ("ABCDEF0123456789", "abcdef0123456789"),
  ])
  func traceIDsArePadded(id: String, expected: String) throws {
    let result = try parse(#"[{"traceId":"\#(id)","id":"1"}]"#)
    #expect(result.spans.map(\.traceID.description) == [expected])
  }

  @Test(
    "A bad span is reported, the others count",
    arguments: [
      (#"{}"#, "traceId is missing"),
      (#"7"#, "a span must be an object"),
      (#"{"traceId":"1"}"#, "id is missing"),
      (#"{"traceId":"0","id":"1"}"#, "traceId must have 1 to 32 hexadecimal digits and not be zero"),
      (#"{"traceId":"xyz","id":"1"}"#, "traceId must have 1 to 32 hexadecimal digits and not be zero"),
      (#"{"traceId":"","id":"1"}"#, "traceId must have 1 to 32 hexadecimal digits and not be zero"),
      (#"{"traceId":1,"id":"1"}"#, "traceId must be a text"),
      (#"{"traceId":"1","id":"12345678901234567"}"#, "id must have 1 to 16 hexadecimal digits and not be zero"),
      (#"{"traceId":"1","id":"0"}"#, "id must have 1 to 16 hexadecimal digits and not be zero"),
      (#"{"traceId":"1","id":"1","parentId":"-"}"#, "parentId must have 1 to 16 hexadecimal digits"),
      (#"{"traceId":"1","id":"1","kind":"client"}"#, "kind must be CLIENT, SERVER, PRODUCER or CONSUMER"),
      (#"{"traceId":"1","id":"1","timestamp":"1"}"#, "timestamp must be a number"),
      (#"{"traceId":"1","id":"1","duration":1e999}"#, "duration is out of range"),
      (#"{"traceId":"1","id":"1","timestamp":99999999999999999999}"#, "timestamp is out of range"),
      (#"{"traceId":"1","id":"1","tags":[]}"#, "tags must be an object"),
      (#"{"traceId":"1","id":"1","tags":{"a":null}}"#, "the value of the tag a must be a text"),
      (#"{"traceId":"1","id":"1","tags":{"a":{"b":[]}}}"#, "the value of the tag a must be a text"),
      (#"{"traceId":"1","id":"1","annotations":{}}"#, "annotations must be a list"),
      (#"{"traceId":"1","id":"1","annotations":[1]}"#, "an annotation must be an object"),
      (#"{"traceId":"1","id":"1","annotations":[{}]}"#, "an annotation must have a timestamp and a value"),
      (#"{"traceId":"1","id":"1","localEndpoint":"a"}"#, "localEndpoint must be an object"),
      (
        #"{"traceId":"1","id":"1","localEndpoint":{"port":65536}}"#,
        "localEndpoint.port must be a number from 0 to 65535"
      ),
      (#"{"traceId":"1","id":"1","shared":1}"#, "shared must be true or false"),
      (#"{"traceId":"1","id":"1","name":"a\u0000b"}"#, "name holds a zero byte"),
    ])
  func badSpan(json: String, reason: String) throws {
    let good = #"{"traceId":"1","id":"1"}"#
    let result = try parse("[\(good),\(json),\(good)]")
    #expect(result.rejections == [SpanRejection(index: 1, reason: reason)])
    #expect(result.indices == [0, 2])
  }

  @Test(
    "What is not JSON is refused with its place",
    arguments: [
      ("", "line 1, column 1 (byte 0): '[' is missing: the input ends"),
      (
        "{}",
        "line 1, column 1 (byte 0): '[' is expected, not '{'; files of other kinds, such as Jaeger's, go to /api/import"
      ),
      ("7", "line 1, column 1 (byte 0): '[' is expected, not '7'"),
      ("[\n  {\"a\": 01}]", "line 2, column 9 (byte 10): a number must not begin with 0"),
      ("[1,]", "line 1, column 4 (byte 3): a value is expected, not ']'"),
      ("[1 2]", "line 1, column 4 (byte 3): ',' or ']' is expected, not '2'"),
      ("[] x", "line 1, column 4 (byte 3): the end of the input is expected, not 'x'"),
      ("[nul]", "line 1, column 2 (byte 1): a value is expected, not 'n'"),
      ("[1.]", "line 1, column 4 (byte 3): a digit is expected, not ']'"),
      ("[-]", "line 1, column 3 (byte 2): a digit is expected, not ']'"),
      ("[{1:2}]", "line 1, column 3 (byte 2): a name in quotes is expected, not '1'"),
      ("[\"\\x\"]", "line 1, column 3 (byte 2): an unknown escape sequence"),
      ("[\"\\u12g4\"]", "line 1, column 3 (byte 2): four hexadecimal digits must follow \\u"),
      ("[\"a\nb\"]", "line 1, column 4 (byte 3): a text contains a control character; escape it"),
      ("[\"abc", "line 1, column 2 (byte 1): the closing quote is missing"),
      ("\u{1}", "line 1, column 1 (byte 0): '[' is expected, not the byte 0x1"),
    ])
  func brokenJSON(text: String, reason: String) throws {
    let error = #expect(throws: CollectorError.self) { try parse(text) }
    #expect(error?.code == .invalid)
    #expect(error?.message == "the body is not a JSON list of spans: " + reason)
  }

  @Test("Cut off anywhere it is refused, and nothing traps")
  func truncation() {
    let bytes = Array(ZipkinSample.json.utf8)
    for count in 0..<bytes.count {
      #expect(throws: CollectorError.self) { try ParsedSpans.parse(Array(bytes[..<count]), limits: CollectorLimits()) }
    }
  }

  @Test("With any byte replaced nothing traps")
  func mutation() throws {
    let bytes = Array(ZipkinSample.json.utf8)
    var refused = 0
    for index in bytes.indices {
      for replacement: UInt8 in [0, 0x22, 0x2D, 0x30, 0x5B, 0x5C, 0x5D, 0x7B, 0x7D, 0x80, 0xFF] {
        var changed = bytes
        changed[index] = replacement
        if (try? ParsedSpans.parse(changed, limits: CollectorLimits())) == nil { refused += 1 }
      }
    }
    #expect(refused > bytes.count)
  }

  @Test(
    "Nesting without end is refused, wherever it stands",
    arguments: [
      String(repeating: "[", count: 100_000), "[" + String(repeating: #"{"a":"#, count: 100_000),
      #"[{"traceId":"1","id":"1","tags":"# + String(repeating: "[", count: 100_000),
    ])
  func deepNesting(text: String) {
    let error = #expect(throws: CollectorError.self) { try parse(text) }
    #expect(error?.message.contains("nested deeper than 32 levels") == true)
  }

  @Test(
    "Half of a surrogate pair becomes the replacement character",
    arguments: [
      (#"\ud83d"#, "\u{FFFD}"), (#"\ude00\ud83d"#, "\u{FFFD}\u{FFFD}"), (#"\ud83dx"#, "\u{FFFD}x"),
      (#"\ud83d\ude00"#, "😀"), (#"\ud83d\u0041"#, "\u{FFFD}A"),
    ])
  func surrogates(escaped: String, expected: String) throws {
    let result = try parse(#"[{"traceId":"1","id":"1","tags":{"a":"\#(escaped)"}}]"#)
    #expect(result.spans.first?.tag("a") == expected)
  }

  @Test(
    "Text that is not UTF-8 is refused",
    arguments: [
      [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0x80],
    ] as [[UInt8]])
  func invalidUTF8(bytes: [UInt8]) {
    for prefix in ["", "\\n"] {
      let body = Array(#"[{"traceId":"1","id":"1","name":"\#(prefix)"#.utf8) + bytes + Array(#""}]"#.utf8)
      let error = #expect(throws: CollectorError.self) { try ParsedSpans.parse(body, limits: CollectorLimits()) }
      #expect(error?.message.hasSuffix("the text is not UTF-8") == true)
    }
  }

  @Test func bounds() throws {
    var limits = CollectorLimits()
    limits.spansPerRequest = 2
    limits.tagsPerSpan = 3
    limits.annotationsPerSpan = 1
    limits.nameBytes = 10
    limits.textBytesPerSpan = 100
    let start = #"{"traceId":"1","id":"1","#
    let cases = [
      (#""tags":{"a":"","b":"","c":"","d":""}}"#, "more than 3 tags"),
      (#""annotations":[{"timestamp":1,"value":"a"},{"timestamp":1,"value":"a"}]}"#, "more than 1 annotations"),
      (
        #""localEndpoint":{"serviceName":"abcdefghijk"}}"#,
        "localEndpoint.serviceName is 11 bytes long; at most 10 are allowed"
      ),
      (#""tags":{"abcdefghijk":""}}"#, "the name of a tag is 11 bytes long; at most 10 are allowed"),
      (#""tags":{"a":"\#(String(repeating: "x", count: 101))"}}"#, "its texts are longer than 100 bytes"),
    ]
    for (rest, reason) in cases {
      #expect(try parse("[\(start)\(rest)]", limits).rejections.map(\.reason) == [reason])
    }
    let error = #expect(throws: CollectorError.self) { try parse("[1,2,3]", limits) }
    #expect(error?.code == .tooLarge)
  }

  @Test func aSpanIsNotItsOwnParent() throws {
    let result = try parse(#"[{"traceId":"1","id":"5","parentId":"5"},{"traceId":"1","id":"5","parentId":"0"}]"#)
    #expect(result.spans.map(\.parentID) == [nil, nil])
  }

  @Test func timesMayBeFloatingPoint() throws {
    let result = try parse(#"[{"traceId":"1","id":"5","timestamp":1.5e15,"duration":-3}]"#)
    #expect(result.spans.map(\.timestamp) == [1_500_000_000_000_000])
    #expect(result.spans.map(\.duration) == [0])
  }
}
