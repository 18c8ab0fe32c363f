import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

@Suite struct SpanRecordTests {
  static let spans: [Span] = [
    Span(traceID: TraceID(low: 1), id: 1),
    Span(
      traceID: TraceID(high: .max, low: .max), id: 2, parentID: .max, kind: .consumer, isDebug: true, isShared: true),
    span(7, parent: 0xA, .client, tags: [.init("a", ""), .init("b", "é😀"), .init("c", "\u{0}x")]),
    span(
      8, .server, remote: "other",
      tags: [
        .init("uuid", "123e4567-e89b-12d3-a456-426614174000"), .init("UUID", "123E4567-e89b-12d3-a456-426614174000"),
        .init("0", "0"), .init("007", "007"), .init("9", "999999999999999999"), .init("20", "18446744073709551616"),
        .init("-1", "-1"),
      ], annotations: [.init(timestamp: .max, value: "late"), .init(timestamp: .min, value: "early")]),
    Span(traceID: TraceID(low: 3), id: 3, timestamp: .max, duration: .max),
  ]

  static func encode(_ span: Span, received: Int64, texts: TextTable) -> [UInt8] {
    var bytes: [UInt8] = []
    var draft = SpanDraft()
    draft.fill(span, &bytes)
    var writer = ByteWriter()
    var known: EncodedTags?
    bytes.withUnsafeBytes { SpanRecord.encode(draft, in: $0, received: received, texts: texts, to: &writer, &known) }
    return writer.bytes
  }

  @Test("What is written is read again, with and without known texts")
  func roundTrip() throws {
    let texts = TextTable()
    for _ in 0..<6 {
      for span in Self.spans {
        let bytes = Self.encode(span, received: 1_790_000_000_000, texts: texts)
        let read = try bytes.withUnsafeBytes { try SpanRecord.decode($0, low: span.traceID.low, texts: texts.texts) }
        #expect(read?.span == span)
        #expect(read?.received == 1_790_000_000_000)
        var names = span
        (names.annotations, names.tags) = ([], [])
        let part = try bytes.withUnsafeBytes {
          try SpanRecord.decode($0, low: span.traceID.low, texts: texts.texts, .nothing)
        }
        #expect(part?.span == names)
        names.tags = span.tags.filter { ["b", "c", "uuid", "0", "20"].contains($0.key) }
        let selection = TagSelection(["20", "0", "b", "c", "uuid", "missing"], texts)
        let some = try bytes.withUnsafeBytes {
          try SpanRecord.decode($0, low: span.traceID.low, texts: texts.texts, .tags(selection))
        }
        #expect(some?.span == names)
      }
    }
    #expect(texts.texts.contains("frontend"))
  }

  @Test("A damaged record gives no span, and nothing traps")
  func damage() throws {
    let texts = TextTable()
    let bytes = Self.encode(Self.spans[3], received: 5, texts: texts)
    for count in 0..<bytes.count {
      let read = try bytes[..<count].withUnsafeBytes { try SpanRecord.decode($0, low: 1, texts: texts.texts) }
      #expect(read == nil)
    }
    for index in bytes.indices {
      for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF] {
        var changed = bytes
        changed[index] = value
        let read = changed.withUnsafeBytes { try? SpanRecord.decode($0, low: 1, texts: texts.texts) }
        #expect(read == nil || read?.span.traceID.low == 1)
      }
    }
  }

  @Test("An Envoy's span takes less than 130 bytes once its texts are known")
  func size() {
    let texts = TextTable()
    var size = 0
    for number in 0..<100 {
      let tags = [
        ("component", "proxy"), ("node_id", "default.orders-1"), ("http.url", "http://orders.mesh/orders/\(number)"),
        ("guid:x-request-id", "123e4567-e89b-12d3-a456-4266141740\(10 + number % 90)"), ("http.method", "GET"),
        ("http.protocol", "HTTP/1.1"), ("user_agent", "curl/7.88.1"), ("upstream_cluster", "localhost:8080"),
        ("http.status_code", "200"), ("request_size", "0"), ("response_size", "\(number * 37)"),
      ].map { Span.Tag($0.0, $0.1) }
      let record = Self.encode(
        span(UInt64(number), parent: 0xA, .server, tags: tags), received: SampleSpans.now, texts: texts)
      size = record.count
    }
    #expect(size < 130)
  }
}
