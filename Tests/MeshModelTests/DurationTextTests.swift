import MeshModel
import Testing

@Suite("Durations as text")
struct DurationTextTests {
  @Test(
    "are read as Go writes them",
    arguments: [
      ("0", Duration.zero), ("500ms", .milliseconds(500)), ("1m30s", .seconds(90)), ("1.5h", .seconds(5400)),
      ("0s", .zero), ("1h2m3s4ms5us6ns", .nanoseconds(3_723_004_005_006)), ("7\u{b5}s", .microseconds(7)),
      ("7\u{3bc}s", .microseconds(7)), ("2562047h", .seconds(9_223_369_200)),
    ])
  func read(text: String, duration: Duration) { #expect(Duration(goText: text) == duration) }

  @Test(
    "are not read from other text",
    arguments: ["", "10", "s", "1x", "1s1", "-1s", "1..2s", "99999999999h", "2562047h2562047h", "\u{661}s"])
  func refused(text: String) { #expect(Duration(goText: text) == nil) }

  @Test(
    "that cannot be read are told with what to write",
    arguments: [
      ("90", "90s"), ("soon", "one such as 500ms, 30s or 1m30s"), ("-1s", "one such as 500ms, 30s or 1m30s"),
      ("", "one such as 500ms, 30s or 1m30s"), ("9.5", "one such as 500ms, 30s or 1m30s"),
      ("99999999999", "one such as 500ms, 30s or 1m30s"),
    ])
  func advice(text: String, advice: String) {
    #expect(Duration(goText: text) == nil)
    #expect(Duration.fault(ofText: text) == "is not a valid duration; write \(advice)")
  }

  @Test(
    "are written in words",
    arguments: [
      (Duration.zero, "0 s"), (.milliseconds(20), "20 ms"), (.seconds(3), "3 s"), (.milliseconds(1500), "1 s 500 ms"),
      (.seconds(300), "5 min"), (.seconds(90), "1 min 30 s"), (.seconds(3600), "1 h"), (.seconds(5430), "1 h 30 min"),
    ])
  func words(duration: Duration, words: String) { #expect(duration.words == words) }

  @Test(
    "A length of time is written as Go writes it",
    arguments: [
      (Duration.zero, "0s"), (.nanoseconds(5), "5ns"), (.nanoseconds(1_500), "1.5µs"), (.milliseconds(500), "500ms"),
      (.microseconds(2_050), "2.05ms"), (.seconds(30), "30s"), (.milliseconds(1_050), "1.05s"), (.seconds(90), "1m30s"),
      (.seconds(60), "1m0s"), (.seconds(3_600), "1h0m0s"), (.seconds(90_061), "25h1m1s"),
    ])
  func goTexts(duration: Duration, text: String) {
    #expect(duration.goText == text)
    #expect(Duration(goText: text) == duration)
  }

  @Test("What Go cannot hold has no text of Go's", arguments: [Duration.seconds(-1), .seconds(Int64.max)])
  func noGoText(duration: Duration) { #expect(duration.goText == nil) }
}
