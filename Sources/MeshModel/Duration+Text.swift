import Documents

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
      let seconds = number * scale
      let whole = seconds.rounded(.down)
      total += .seconds(whole) + .nanoseconds(((seconds - whole) * 1e9).rounded())
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

  /// What is wrong with text that is not a duration, in the words of Go's `time.ParseDuration`.
  package static func goFault(ofText text: String) -> String {
    func fault() -> String {
      var rest = text[...]
      while !rest.isEmpty {
        let digits = rest.prefix { "0123456789.".contains($0) }
        guard digits.contains(where: { $0 != "." }), digits.count(where: { $0 == "." }) < 2 else { break }
        rest = rest.dropFirst(digits.count)
        let unit = rest.prefix { !"0123456789.".contains($0) }
        guard !unit.isEmpty else { return "missing unit in duration" }
        guard units[String(unit)] != nil else { return "unknown unit \(String(unit).quoted) in duration" }
        rest = rest.dropFirst(unit.count)
      }
      return "invalid duration"
    }
    return "time: \(fault()) \(text.quoted)"
  }

  /// The length of time as Go writes it: `30s`, `1m30s`, `1h0m0s`, `1.5s`, `500ms`, `0s`. Source: Go's `time.Duration.String`.
  ///
  /// `nil` for one that Go cannot hold, or that is negative.
  package var goText: String? {
    let (whole, attoseconds) = components
    guard whole >= 0, attoseconds >= 0, whole < 9_223_372_036 else { return nil }
    let nanoseconds = attoseconds / 1_000_000_000
    func decimal(_ count: Int64, of unit: Int64, digits: Int) -> String {
      let (quotient, rest) = count.quotientAndRemainder(dividingBy: unit)
      guard rest != 0 else { return String(quotient) }
      let text = String(rest)
      let fraction = String(repeating: "0", count: max(0, digits - text.count)) + text
      return "\(quotient).\(String(fraction.reversed().drop { $0 == "0" }.reversed()))"
    }
    guard whole > 0 else {
      switch nanoseconds {
      case 0: return "0s"
      case ..<1_000: return "\(nanoseconds)ns"
      case ..<1_000_000: return decimal(nanoseconds, of: 1_000, digits: 3) + "\u{b5}s"
      default: return decimal(nanoseconds, of: 1_000_000, digits: 6) + "ms"
      }
    }
    let seconds = decimal(whole % 60 * 1_000_000_000 + nanoseconds, of: 1_000_000_000, digits: 9) + "s"
    if whole < 60 { return seconds }
    let minutes = "\(whole / 60 % 60)m\(seconds)"
    return whole < 3_600 ? minutes : "\(whole / 3_600)h\(minutes)"
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
