extension Duration {
  /// Parses a length of time as Go writes it: `500ms`, `1m30s`, `0`. Source: Go's `time.ParseDuration`, without signs.
  ///
  /// `nil` when the text is not a duration, or one longer than Go can hold, which is 292 years.
  public init?(goText text: String) {
    let limit = 9_223_372_036.0
    var rest = Substring(text)
    var total = Duration.zero
    if rest == "0" { rest = "0s" }
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(digits), let scale = Self.units[String(unit)], number * scale < limit else {
        return nil
      }
      total += .seconds(number * scale)
      guard total < .seconds(limit) else { return nil }
    }
    self = total
  }

  /// The units of Go's durations, in seconds. A micro sign is written in two ways.
  private static let units = [
    "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "\u{b5}s": 1e-6, "\u{3bc}s": 1e-6, "ns": 1e-9,
  ]

  /// What is wrong with text that is not a duration, to follow the text in quotes.
  public static func fault(ofText text: String) -> String {
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) } && Duration(goText: text + "s") != nil
    return "is not a valid duration; write \(isNumber ? "\(text)s" : "one such as 500ms, 30s or 1m30s")"
  }

  /// The whole milliseconds in the length of time.
  package var wholeMilliseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds &* 1000 &+ attoseconds / 1_000_000_000_000_000
  }

  /// The length of time in words of one or two units: `500 ms`, `3 s`, `5 min`, `1 min 30 s`.
  public var words: String {
    let (seconds, attoseconds) = components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    if seconds == 0 { return milliseconds == 0 ? "0 s" : "\(milliseconds) ms" }
    if seconds < 60 { return milliseconds == 0 ? "\(seconds) s" : "\(seconds) s \(milliseconds) ms" }
    if seconds < 3600 { return seconds % 60 == 0 ? "\(seconds / 60) min" : "\(seconds / 60) min \(seconds % 60) s" }
    let minutes = seconds / 60 % 60
    return minutes == 0 ? "\(seconds / 3600) h" : "\(seconds / 3600) h \(minutes) min"
  }
}
