extension Duration {
  /// Reads a length of time as Go writes it: `500ms`, `1m30s`, `0`. Source: Go's `time.ParseDuration`, without signs.
  ///
  /// `nil` when the text is none, or a part of it is a billion seconds or more.
  public init?(goText text: String) {
    var rest = Substring(text)
    var total = Duration.zero
    if rest == "0" { rest = "0s" }
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(unit.count)
      let scale = ["h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9][String(unit)]
      guard let number = Double(digits), let scale, number * scale < 1e9 else { return nil }
      total += .seconds(number * scale)
    }
    self = total
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
