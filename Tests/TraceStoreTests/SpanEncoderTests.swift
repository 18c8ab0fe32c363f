import TestSupport
import Testing
import TraceTestSupport

@testable import TraceModel
@testable import TraceStore

@Suite struct SpanEncoderTests {
  /// The spans as drafts whose texts are in the same bytes, where equal tags have the same position, as a parser makes them.
  private static func drafts(_ spans: [Span]) -> (drafts: [SpanDraft], bytes: [UInt8]) {
    var bytes: [UInt8] = []
    var known: [Span.Tag: TagDraft] = [:]
    let drafts = spans.map { span in
      var draft = SpanDraft()
      draft.fill(span, &bytes)
      for (index, tag) in span.tags.enumerated() {
        draft.tags[index] = known[tag] ?? draft.tags[index]
        known[tag] = draft.tags[index]
      }
      return draft
    }
    return (drafts, bytes)
  }

  private static func batch(_ spans: [Span], _ encoder: SpanEncoder) -> SpanBatch {
    var batch = SpanBatch()
    let (drafts, bytes) = drafts(spans)
    var next = drafts.makeIterator()
    bytes.withUnsafeBytes {
      encoder.encode(drafts.count, in: $0, received: SampleSpans.now, to: &batch) { $0 = next.next() ?? SpanDraft() }
    }
    return batch
  }

  @Test("Spans of a report that share tags are the same when they are read again, as in reports of their own")
  func sharedTags() {
    var random = SeededGenerator(seed: 7)
    let values = (0..<40).map { String(repeating: "v", count: $0) } + ["", "0", "200", "-", "\u{0}", "é"]
    let spans = (0..<500).map { number in
      let keys = ["a", "b", "c", "", "component", String(repeating: "k", count: 40)].shuffled(using: &random)
      return span(
        UInt64(number + 1), .server,
        tags: keys.map { .init($0, values.randomElement(using: &random) ?? "") } + [.init("own", "n\(number)")])
    }
    let texts = TextTable()
    let encoder = SpanEncoder(texts: texts, autocompleteKeys: [])
    for _ in 0..<3 {
      let batch = Self.batch(spans, encoder)
      #expect(batch.entries.indices.map { batch.span(at: $0, texts: texts.texts) } == spans)
      var alone = SpanBatch()
      var scratch = SpanEncoder.Scratch()
      for span in spans { encoder.encode(span, received: SampleSpans.now, to: &alone, with: &scratch) }
      #expect(alone.terms == batch.terms)
      #expect(alone.entries.map(\.schema) == batch.entries.map(\.schema))
    }
  }

  @Test("Spans with the same keys have one schema, whatever the order of the keys")
  func schemas() {
    let keys = (0..<12).map { "key-\($0)" }
    var random = SeededGenerator(seed: 1)
    // More orders than there may be schemas.
    let spans = (0..<6_000).map { number in
      span(UInt64(number + 1), tags: keys.shuffled(using: &random).map { .init($0, "v") })
    }
    let encoder = SpanEncoder(texts: TextTable(), autocompleteKeys: [])
    let batch = Self.batch(spans + [span(9_999, tags: keys.dropFirst().map { .init($0, "v") })], encoder)
    #expect(encoder.schemas.map(\.count) == [0, 12, 11])
    #expect(Set(batch.entries.map(\.schema)) == [1, 2])
    #expect(Set(batch.entries.indices.map { batch.terms(at: $0).count }.prefix(6_000)).count == 1)
  }
}
