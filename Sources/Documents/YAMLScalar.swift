/// What an unquoted YAML scalar stands for. Source: YAML 1.2.2, section 10.3, the core schema.
///
/// Conversions by the library are not used: they follow YAML 1.1 and are not checked for numbers that do not fit.
enum YAMLScalar: Equatable {
  /// Nothing, `~` or `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A whole number of 64 bits, in decimal, octal (`0o17`) or hexadecimal (`0x1F`) digits.
  case integer(Int64)
  /// A finite number with a fraction or an exponent.
  case number(Double)
  /// `.inf`, `-.inf` or `.nan`: a number that JSON and the resources have no form for.
  case notFinite
  /// A number that does not fit 64 bits, or has more digits than one may have.
  case outOfRange
  /// Everything else.
  case text

  /// Parses a scalar without surrounding space.
  init(_ text: String) {
    guard let first = text.utf8.first else {
      self = .null
      return
    }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      self = Self.number(text)
    case UInt8(ascii: "~"), UInt8(ascii: "n"), UInt8(ascii: "N"), UInt8(ascii: "t"), UInt8(ascii: "T"),
      UInt8(ascii: "f"), UInt8(ascii: "F"):
      switch text {
      case "~", "null", "Null", "NULL": self = .null
      case "true", "True", "TRUE": self = .bool(true)
      case "false", "False", "FALSE": self = .bool(false)
      default: self = .text
      }
    default: self = .text
    }
  }

  private static func number(_ text: String) -> YAMLScalar {
    var digits = text.utf8[...]
    if digits.starts(with: "0x".utf8) { return integer(digits.dropFirst(2), radix: 16) }
    if digits.starts(with: "0o".utf8) { return integer(digits.dropFirst(2), radix: 8) }
    var isNegative = false
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      digits = digits.dropFirst()
    }
    switch String(digits) {
    case ".inf", ".Inf", ".INF": return .notFinite
    case ".nan", ".NaN", ".NAN": return digits.count == text.utf8.count ? .notFinite : .text
    default: break
    }
    if digits.allSatisfy(isDigit) { return integer(digits, radix: 10, isNegative: isNegative) }
    guard isFraction(digits) else { return .text }
    guard let value = DocumentValue.double(text) else { return .outOfRange }
    return .number(value)
  }

  private static func integer(
    _ digits: Substring.UTF8View, radix: Int64, isNegative: Bool = false
  ) -> YAMLScalar {
    guard !digits.isEmpty else { return .text }
    var total: Int64 = 0
    var fits = true
    for byte in digits {
      guard let digit = value(of: byte), digit < radix else { return .text }
      guard fits else { continue }
      let (product, overflow) = total.multipliedReportingOverflow(by: radix)
      let (sum, overflowed) =
        isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      fits = !overflow && !overflowed
      total = sum
    }
    return fits ? .integer(total) : .outOfRange
  }

  /// Digits with a point, an exponent or both.
  private static func isFraction(_ digits: Substring.UTF8View) -> Bool {
    let whole = digits.prefix(while: isDigit)
    var rest = digits.dropFirst(whole.count)
    var count = whole.count
    if rest.first == UInt8(ascii: ".") {
      let fraction = rest.dropFirst().prefix(while: isDigit)
      count += fraction.count
      rest = rest.dropFirst(1 + fraction.count)
    }
    guard count > 0 else { return false }
    guard let letter = rest.first else { return true }
    guard letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") else { return false }
    rest = rest.dropFirst()
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    return !rest.isEmpty && rest.allSatisfy(isDigit)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func value(of byte: UInt8) -> Int64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int64(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int64(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}

extension YAMLScalar {
  /// Whether text has to be quoted so that every reader takes it for text, also one that keeps to YAML 1.1, as Kuma's
  /// programs do: there `yes`, `1_000`, `1:30` and `2026-01-31` are no text.
  static func needsQuotes(_ text: String) -> Bool {
    guard let first = text.utf8.first else { return true }
    if words.contains(text) || YAMLScalar(text) != .text { return true }
    let isSigned = first == UInt8(ascii: "+") || first == UInt8(ascii: "-")
    let digits = text.utf8.dropFirst(isSigned ? 1 : 0)
    guard let digit = digits.first, isDigit(digit) || digit == UInt8(ascii: ".") else { return false }
    let plain = String(decoding: digits.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    if YAMLScalar(plain) != .text { return true }
    if plain.hasPrefix("0b"), plain.utf8.dropFirst(2).allSatisfy({ $0 == 0x30 || $0 == 0x31 }) { return true }
    return isSexagesimal(plain) || isDate(plain)
  }

  private static let words: Set<String> = {
    var words: Set<String> = ["<<", "="]
    for word in ["y", "n", "yes", "no", "on", "off"] {
      words.formUnion([word, word.prefix(1).uppercased() + word.dropFirst(), word.uppercased()])
    }
    return words
  }()

  /// Numbers up to 59 behind colons.
  private static func isSexagesimal(_ text: String) -> Bool {
    let whole = text.prefix { $0 != "." }
    guard text.dropFirst(whole.count).dropFirst().utf8.allSatisfy(isDigit) else { return false }
    let parts = whole.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, !first.isEmpty, first.utf8.allSatisfy(isDigit) else { return false }
    return parts.dropFirst().allSatisfy { (UInt8($0) ?? 60) < 60 && $0.utf8.count <= 2 && $0.utf8.allSatisfy(isDigit) }
  }

  /// A date, alone or with a time behind it.
  private static func isDate(_ text: String) -> Bool {
    let parts = text.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].utf8.count == 4, (1...2).contains(parts[1].utf8.count),
      (parts[0] + parts[1]).utf8.allSatisfy(isDigit), let day = parts[2].utf8.first, isDigit(day)
    else { return false }
    return parts[2].utf8.allSatisfy { isDigit($0) || "Tt:.+- \tZ".utf8.contains($0) }
  }
}
