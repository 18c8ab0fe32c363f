import Documents
import MeshTestSupport
import Testing

@Suite(.heavy) struct TimestampTests {
  static let both: [(String, Int64, Int32)] = [
    ("1970-01-01T00:00:00Z", 0, 0),
    ("1969-12-31T23:59:59.5Z", -1, 500_000_000),
    ("2000-02-29T12:00:00Z", 951_825_600, 0),
    ("2024-02-29T23:59:59.999999999Z", 1_709_251_199, 999_999_999),
    ("2026-01-02T03:04:05.000000001Z", 1_767_323_045, 1),
    ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
    ("0000-03-01T00:00:00Z", -62_162_035_200, 0),
    ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ("1900-03-01T00:00:00Z", -2_203_891_200, 0),
    ("2262-04-11T23:47:16.854775807Z", 9_223_372_036, 854_775_807),
  ]

  @Test("text and time are the same", arguments: both)
  func readsAndWrites(_ text: String, _ seconds: Int64, _ nanoseconds: Int32) {
    let time = Timestamp(seconds: seconds, nanoseconds: nanoseconds)
    #expect(time.description == text)
    #expect(Timestamp(text) == time)
  }

  static let otherForms = [
    ("2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05Z"), ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
    ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"), ("2026-01-02t03:04:05z", "2026-01-02T03:04:05Z"),
    ("2026-01-02 03:04:05Z", "2026-01-02T03:04:05Z"),
    ("2026-01-02T03:04:05.1234567891Z", "2026-01-02T03:04:05.123456789Z"),
    ("2026-01-02T03:04:05.100Z", "2026-01-02T03:04:05.1Z"), ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
    ("2026-01-02T03:04:05-00:00", "2026-01-02T03:04:05Z"),
  ]

  @Test("other forms of a time", arguments: otherForms)
  func normalises(_ text: String, _ normal: String) { #expect(Timestamp(text)?.description == normal) }

  @Test(
    "text that is no time",
    arguments: [
      "", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
      "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
      "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:61Z", "2026-01-02T03:04:05.Z",
      "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+2:00", "2026-01-02T03:04:05+24:00", "-001-01-02T03:04:05Z",
      "٢٠٢٦-01-02T03:04:05Z", "2026-1-2T03:04:05Z", "+026-01-02T03:04:05Z", "2026-01-02T03:04:05.١Z", "\u{0}", "🕐",
    ])
  func refuses(_ text: String) { #expect(Timestamp(text) == nil) }

  @Test("every day over 800 years is the day after the one before")
  func calendar() {
    var previous = ""
    for day in stride(from: Int64(-719_162), to: -719_162 + 292_194, by: 1) {
      let time = Timestamp(seconds: day * 86_400)
      let text = time.description
      #expect(previous < text)
      #expect(Timestamp(text) == time)
      previous = text
    }
    #expect(previous == "0800-12-31T00:00:00Z")
  }

  @Test("the ends of time do not trap", arguments: [Int64.max, .min, .max - 1, .min + 1])
  func ends(_ seconds: Int64) {
    let time = Timestamp(seconds: seconds, nanoseconds: 999_999_999)
    #expect(!time.description.isEmpty)
    #expect(time.nanosecondsSince1970 == (seconds < 0 ? .min : .max))
    #expect(time.secondsSince(Timestamp(seconds: 0)).isFinite)
    let near = Timestamp(nanosecondsSince1970: seconds)
    #expect(near.seconds.magnitude > 9_000_000_000 && near.nanoseconds >= 0)
  }

  @Test func laterIsGreater() {
    #expect(Timestamp(seconds: 1) < Timestamp(seconds: 1, nanoseconds: 1))
    #expect(Timestamp(seconds: -1, nanoseconds: 999_999_999) < Timestamp(seconds: 0))
    #expect(Timestamp(nanosecondsSince1970: -1) == Timestamp(seconds: -1, nanoseconds: 999_999_999))
    #expect(Timestamp(seconds: 3, nanoseconds: 500_000_000).secondsSince(Timestamp(seconds: 1)) == 2.5)
  }
}
