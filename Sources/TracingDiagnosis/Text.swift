import MeshModel

extension Int {
  /// The number with commas: `4,120`.
  var grouped: String {
    var digits = Array(String(magnitude))
    var position = digits.count - 3
    while position > 0 {
      digits.insert(",", at: position)
      position -= 3
    }
    return (self < 0 ? "-" : "") + String(digits)
  }

  /// The number with a noun: `1 report`, `4,120 reports`.
  func of(_ noun: String) -> String { self == 1 ? "1 \(noun)" : "\(grouped) \(noun)s" }
}

extension Timestamp {
  /// The time without parts of a second: `2026-01-02T03:04:05Z`.
  var wholeSecond: String { Timestamp(seconds: seconds).description }

  /// The time that passed since another one, in words: `42 seconds`, `6 minutes`, `3 hours`.
  func ago(since other: Timestamp) -> String { Timestamp.words(seconds: secondsSince(other)) }

  /// Seconds in words.
  static func words(seconds: Double) -> String {
    let seconds = max(0, min(seconds.isFinite ? seconds : 0, 1e9))
    if seconds < 120 { return Int(seconds.rounded()).of("second") }
    if seconds < 7_200 { return Int((seconds / 60).rounded()).of("minute") }
    if seconds < 172_800 { return Int((seconds / 3_600).rounded()).of("hour") }
    return Int((seconds / 86_400).rounded()).of("day")
  }
}

extension String {
  /// The text as a sentence of its own: it begins with a capital letter and ends with a full stop.
  var sentence: String {
    guard let first else { return "" }
    return (first.uppercased() + dropFirst()).ended
  }

  /// The text with a full stop at its end.
  var ended: String { hasSuffix(".") || hasSuffix("?") ? self : self + "." }
}
