import Glibc

/// What a terminal can show, and the few colours that are used.
struct TerminalStyle: Sendable {
  /// Whether lines can be written again.
  var isTerminal: Bool
  /// Whether there are colours.
  var hasColours: Bool
  /// Characters in a line.
  var width: Int

  /// What can be written to a file of this process.
  init(of descriptor: Int32) {
    var size = winsize()
    isTerminal = isatty(descriptor) == 1 && getenv("TERM").map { String(cString: $0) != "dumb" } ?? false
    hasColours = isTerminal && (getenv("NO_COLOR").map { $0.pointee == 0 } ?? true)
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col >= 40
    width = isKnown ? min(Int(size.ws_col), 100) : 80
  }

  init(isTerminal: Bool, hasColours: Bool, width: Int) {
    self.isTerminal = isTerminal
    self.hasColours = hasColours
    self.width = width
  }

  /// What text means.
  enum Tone: String {
    case good = "32"
    case bad = "31"
    case warning = "33"
    case quiet = "2"
    case strong = "1"
    case accent = "36"
  }

  /// Text in a tone.
  func text(_ text: String, _ tone: Tone) -> String { coloured(text, tone.rawValue) }

  /// Text in one of the colours that tell services apart.
  func text(_ text: String, series: Int) -> String {
    let codes = ["36", "35", "34", "33", "32"]
    return coloured(text, codes[abs(series) % codes.count])
  }

  private func coloured(_ text: String, _ code: String) -> String {
    hasColours && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
