import Documents
import Testing

@Suite struct NearestNameTests {
  static let rows: [(String, [String], String?)] = [
    ("jager-collector", ["jaeger-collector", "other"], "jaeger-collector"),
    ("backned", ["backend", "selectors"], "backend"),
    ("ab", ["ba"], "ba"),
    ("ab", ["cd"], nil),
    ("abc", ["acb"], "acb"),
    ("jaeger", ["zipkin", "datadog"], nil),
    ("jaeger", [], nil),
    ("jaeger", ["jaeger"], nil),
    ("", ["a"], "a"),
    ("x", ["y", "a"], "a"),
    ("zipkin-us", ["zipkin-eu", "zipkin-uk"], "zipkin-uk"),
    ("sampling", ["Sampling", "samplingg"], "Sampling"),
  ]

  @Test("the nearest name", arguments: rows)
  func finds(_ name: String, _ candidates: [String], _ expected: String?) {
    #expect(NearestName.find(name, among: candidates) == expected)
    #expect(NearestName.find(name, among: candidates.reversed()) == expected)
  }

  @Test func longNamesTakeNoLongTime() {
    let long = String(repeating: "a", count: 1_000_000)
    #expect(NearestName.find(long, among: [long + "b", "c"]) == long + "b")
  }
}
