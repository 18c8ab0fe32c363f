import SecretPatterns
import Testing
import TraceTestSupport

@testable import TraceModel

/// What is hidden in a span, and what the report keeps.
@Suite("The privacy of spans")
struct SpanPrivacyTests {
  private func hidden(_ privacy: SpanPrivacy, _ span: Span) -> Span? {
    var draft = SpanDraft()
    var bytes: [UInt8] = []
    draft.fill(span, &bytes)
    return bytes.withUnsafeBytes { privacy.hiding(draft, in: $0)?.span }
  }

  @Test("A draft and a span have the same secrets, whatever was seen before")
  func drafts() {
    let privacy = SpanPrivacy()
    for _ in 0..<2 {
      for sample in SecretSamples.all {
        let sent = span(1, tags: [.init("n", "1"), .init(sample.key, sample.value)])
        let stored = hidden(privacy, sent)
        #expect(stored?.tags == [.init("n", "1"), .init(sample.key, sample.hidden)], "\(sample)")
        #expect(stored == privacy.hiding(sent)?.span)
      }
      for tag in SecretSamples.harmless { #expect(hidden(privacy, span(1, tags: [.init(tag.key, tag.value)])) == nil) }
    }
  }

  @Test("More sets of keys than are remembered change nothing")
  func manyKeySets() {
    let privacy = SpanPrivacy()
    for index in 0..<5_000 {
      #expect(hidden(privacy, span(1, tags: [.init("key-\(index)", "x")])) == nil)
      if index % 100 == 0 {
        let stored = hidden(privacy, span(1, tags: [.init("key-\(index)", "x"), .init("password", "s3cret")]))
        #expect(stored?.tag("password") == "REDACTED")
      }
    }
    // The newest is remembered, and the oldest are not.
    let count = privacy.keySetCount
    #expect(hidden(privacy, span(1, tags: [.init("key-4999", "y")])) == nil)
    #expect(privacy.keySetCount == count && count <= 2 * SpanPrivacy.keySetCapacity)
  }

  @Test("A number of things and a folder are no password; a link of OpenTelemetry keeps its parts")
  func values() {
    for (key, value, hidden) in [
      ("pass", "128", nil), ("pass", "s3cret", "REDACTED"), ("tests.pass", "128000", nil), ("pwd", "/home/ada", nil),
      ("smtp.pass", "128000", "REDACTED"), ("secretary", "ada", nil), ("token_v2", "s3cret", "REDACTED"),
      (
        "otlp.link.0", #"a|b|token=s3cret|{"password":"s3cret","x":"1"}|0"#,
        #"a|b|token=REDACTED|{"password":"REDACTED","x":"1"}|0"#
      ), ("otlp.link.1", "token=s3cret", "token=REDACTED"),
    ] as [(String, String, String?)] {
      let sent = span(1, tags: [.init(key, value)])
      #expect(SpanPrivacy().hiding(sent)?.span.tag(key) == hidden, "\(key)=\(value)")
      #expect(self.hidden(SpanPrivacy(), sent)?.tag(key) == hidden, "\(key)=\(value)")
    }
  }

  @Test("Keys stay unique when secrets in them are hidden")
  func keys() {
    let sent = span(1, tags: [.init("//a:b@h", "1"), .init("//c:d@h", "2"), .init("x", "3")])
    #expect(
      SpanPrivacy().hiding(sent)?.span.tags == [.init("//REDACTED:REDACTED@h", "1"), .init("x", "3")])
  }

  @Test("A word that secrets have counts wherever it stands in a key, however long the key is")
  func longKeys() {
    for count in [0, 1, 31, 57, 58, 63, 64, 65, 90, 250, 5_000] {
      let key = String(repeating: "x", count: count) + "Pass_word" + String(repeating: "x", count: 300)
      let stored = SpanPrivacy().hiding(span(1, tags: [.init(key, "s3cret")]))?.span
      #expect(stored?.tag(key) == "REDACTED", "after \(count) letters")
    }
  }

  @Test("Nothing is hidden if the setting says so")
  func disabled() {
    var settings = SpanPrivacy.Settings()
    settings.isEnabled = false
    let sent = span(1, tags: [.init("password", "s3cret")])
    #expect(SpanPrivacy(settings).hiding(sent) == nil)
    #expect(hidden(SpanPrivacy(settings), sent) == nil)
    #expect(SpanPrivacy(settings).hidden([sent]) == [sent])
  }

  @Test("The report has a bound: beyond it the smallest places, and of them the oldest, go and are counted together")
  func reportBound() {
    let report = HiddenReport(capacity: 10)
    var evicted = 0
    func count(_ service: String, at now: Int64) {
      var values = HiddenValues()
      values.add([HiddenValue(service: service, place: "http.url", key: "sig", kind: .parameter)])
      evicted += report.count(values, now: now)
    }
    for now in 0..<5 { count("large", at: Int64(now)) }
    for index in 0..<5_000 { count("s\(index)", at: Int64(10 + index)) }
    let snapshot = report.snapshot()
    #expect(snapshot.rows.map(\.value.service) == ["large"] + (4_991..<5_000).map { "s\($0)" })
    #expect(snapshot.spans == 5_005 && snapshot.values == 5_005)
    #expect(snapshot.others == 4_991 && snapshot.evicted == 4_991 && evicted == 4_991)
  }

  @Test("A request has a bound of places, and counts the others; names are cut")
  func requestBound() throws {
    var values = HiddenValues()
    for index in 0..<300 {
      let key = "password-\(index)-" + String(repeating: "x", count: 500)
      values.add(try #require(SpanPrivacy().hiding(span(1, tags: [.init(key, "s3cret")]))).values)
    }
    #expect(values.counts.count == 256)
    #expect(values.spans == 300 && values.others == 44)
    #expect(values.counts.keys.allSatisfy { $0.key.utf8.count < 90 && $0.place.utf8.count < 90 })
    #expect(values.count(of: .tag) == 256)
  }
}
