/// Whether a text looks like a secret.
struct SecretLooks {
  private(set) var isRandom = false

  private static let shortest = 16
  private static let shortestHexadecimal = 20

  init(_ text: UnsafeRawBufferPointer) {
    guard text.count >= Self.shortest else { return }
    var (digits, upper, lower, others, run, longestRun) = (0, 0, 0, 0, 0, 0)
    var isHexadecimal = true
    let classes = ByteClasses.shared
    for byte in text {
      let isLetterOrDigit = classes.has(byte, ByteClass.alphanumeric)
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): upper += 1
      case UInt8(ascii: "a")...UInt8(ascii: "z"): lower += 1
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "+"),
        UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "%"):
        break
      default: others += 1
      }
      if byte != UInt8(ascii: "-"), !classes.has(byte, ByteClass.hexadecimal) { isHexadecimal = false }
      run = isLetterOrDigit ? run + 1 : 0
      longestRun = max(longestRun, run)
    }
    // Words with blanks or commas between them are no token.
    guard others == 0, digits > 0, upper + lower > 0 else { return }
    isRandom =
      isHexadecimal ? text.count >= Self.shortestHexadecimal : longestRun >= 20 || upper > 0 && lower > 0 && digits > 1
  }
}
