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

  @Test("The report has a bound; what is beyond it is counted together")
  func reportBound() {
    let report = HiddenReport(capacity: 10)
    for index in 0..<30 {
      var values = HiddenValues()
      values.add([HiddenValue(service: "s\(index % 15)", place: "http.url", key: "sig", kind: .parameter)])
      report.count(values, now: Int64(index))
    }
    let snapshot = report.snapshot()
    #expect(snapshot.rows.count == 10)
    #expect(snapshot.rows.allSatisfy { $0.count == 2 && $0.last >= 15 })
    #expect(snapshot.spans == 30 && snapshot.values == 30 && snapshot.others == 10)
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
