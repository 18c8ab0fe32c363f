extension String {
  /// The text in quotes as Kuma's messages have it: what is in quotes cannot end them, and nothing in it is invisible.
  /// Source: Go's `strconv.Quote`.
  public var quoted: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\u{7}": text += "\\a"
      case "\u{8}": text += "\\b"
      case "\u{c}": text += "\\f"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{b}": text += "\\v"
      case _ where scalar.isVisible: text.unicodeScalars.append(scalar)
      default:
        let (letter, width) = scalar.value < 0x80 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        let digits = String(scalar.value, radix: 16)
        text += "\\\(letter)" + String(repeating: "0", count: width - digits.count) + digits
      }
    }
    return text + "\""
  }
}

extension Unicode.Scalar {
  /// Whether the character can be seen, or is the plain space.
  fileprivate var isVisible: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: self == " "
    default: true
    }
  }
}
