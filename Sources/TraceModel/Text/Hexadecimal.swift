/// Parsing and formatting of hexadecimal ids.
public enum Hexadecimal {
  /// The value of a digit; `nil` for another character. Accepts upper case, which some senders use.
  @inlinable public static func value(_ digit: UInt8) -> UInt64? {
    switch digit {
    case 0x30...0x39: UInt64(digit &- 0x30)
    case 0x61...0x66: UInt64(digit &- 0x57)
    case 0x41...0x46: UInt64(digit &- 0x37)
    default: nil
    }
  }

  /// Parses 1 to 32 digits and pads with zeros on the left; `nil` for any other text and for zero.
  @inlinable public static func parse(_ digits: some Sequence<UInt8>) -> (high: UInt64, low: UInt64)? {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var count = 0
    for digit in digits {
      guard let value = value(digit), count < 32 else { return nil }
      high = high << 4 | low >> 60
      low = low << 4 | value
      count += 1
    }
    return high | low == 0 ? nil : (high, low)
  }

  /// Formats 16 digits.
  package static func text(_ value: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { buffer in
      var rest = value
      for index in stride(from: 15, through: 0, by: -1) {
        buffer[index] = digits[Int(rest & 15)]
        rest >>= 4
      }
      return 16
    }
  }

  /// Appends 16 digits.
  package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt64(60), through: 0, by: -4) { bytes.append(digits[Int(value >> shift & 15)]) }
  }

  /// The digits in ascending order.
  package static let digits: [UInt8] = Array("0123456789abcdef".utf8)
}
