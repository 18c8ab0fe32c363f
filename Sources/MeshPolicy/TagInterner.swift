/// Maps strings to numbers, so that tags are compared and hashed as numbers.
struct TagInterner {
  private var numbers: [String: UInt32] = [:]

  /// The number that stands for any value.
  static let anyValue: UInt32 = 0

  /// The number of a string; a new string gets the next number.
  mutating func intern(_ text: String) -> UInt32 {
    if let number = numbers[text] { return number }
    let number = UInt32(truncatingIfNeeded: numbers.count + 1)
    numbers[text] = number
    return number
  }

  /// The number of a string, or `nil` if it has none yet.
  func number(of text: String) -> UInt32? { numbers[text] }
}

/// A tag as numbers; the value may be ``TagInterner/anyValue``.
struct TagTerm: Hashable {
  var name: UInt32
  var value: UInt32
}
