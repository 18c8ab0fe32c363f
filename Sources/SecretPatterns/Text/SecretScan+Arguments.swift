/// Arguments of commands, and credentials behind the name of their scheme.
extension SecretScan {
  /// Whether the last word is a group of flags that ends with the one for a user: `-su`.
  var isGroupOfFlags: Bool {
    word.count <= 8 && bytes[word.upperBound - 1] == UInt8(ascii: "u") && bytes[word.lowerBound] == UInt8(ascii: "-")
      && text(word).dropFirst().allSatisfy { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
  }

  /// Hides the next argument of a command, unless it is a flag.
  mutating func hideArgument() {
    guard let start = argumentStart(), bytes[start] != UInt8(ascii: "-") else { return }
    let (key, end) = (word, argumentEnd(from: start))
    hide(start..<end, .argument, key: key)
  }

  /// Hides the next argument of a command, if it is a user and a password.
  mutating func hideUserArgument() {
    guard let start = argumentStart() else { return }
    // The colon is near, or there is none: whoever looks far for it at each flag looks too much.
    let near = argumentEnd(from: start, atMost: 64)
    guard text(start..<near).contains(UInt8(ascii: ":")) else { return }
    let (key, end) = (word, argumentEnd(from: start))
    hide(start..<end, .argument, key: key)
  }

  /// Where the next argument begins; nil if nothing separates it from the word.
  private mutating func argumentStart() -> Int? {
    var start = index
    defer { looked += start - index }
    while start < bytes.count,
      bytes[start] <= 0x20 || bytes[start] == UInt8(ascii: "\"") || bytes[start] == UInt8(ascii: "'")
        || bytes[start] == UInt8(ascii: ",") || bytes[start] == UInt8(ascii: "\\") || bytes[start] == UInt8(ascii: "=")
    {
      start += 1
    }
    return start > index && start < bytes.count ? start : nil
  }

  /// Where an argument of a command ends.
  mutating func argumentEnd(from start: Int, atMost count: Int = .max) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count, position - start < count, bytes[position] > 0x20,
      bytes[position] != UInt8(ascii: "\""), bytes[position] != UInt8(ascii: "'"), bytes[position] != UInt8(ascii: "\\")
    {
      position += 1
    }
    return position
  }

  /// Hides what follows the name of a scheme, if it looks like credentials and not like a sentence.
  ///
  /// - Parameter areRandom: whether they have to look random, as the name is a word of other texts too.
  mutating func hideCredentials(areRandom: Bool = false) {
    var start = index
    while start < bytes.count, start - index < 16 {
      let blank = EncodedCharacter(bytes, start)
      guard blank.byte == 0x20 || blank.byte == 0x09 || blank.byte == UInt8(ascii: "+") else { break }
      start = blank.end
    }
    guard start > index else { return }
    var end = start
    defer { looked += end - index }
    var (digits, upper, signs, letters, breaks) = (0, 0, 0, 0, 0)
    while end < bytes.count {
      // A character may be encoded, as `=` in a URL.
      let character = EncodedCharacter(bytes, end)
      switch character.byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: "A")...UInt8(ascii: "Z"):
        letters += 1
        if end > start { upper += 1 }
      case UInt8(ascii: "a")...UInt8(ascii: "z"): letters += 1
      case UInt8(ascii: "="), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "~"): signs += 1
      case UInt8(ascii: "-"), UInt8(ascii: "."): breaks += 1
      default: break
      }
      guard classes.has(character.byte, ByteClass.base64) || "=~.".utf8.contains(character.byte) else { break }
      end = character.end
    }
    // No word of a sentence has 24 letters.
    guard end - start >= 6, letters > 0, digits > 0 || upper > 0 || signs > 0 || breaks == 0 && end - start >= 24 else {
      return
    }
    if areRandom, !SecretLooks(text(start..<end)).isRandom { return }
    // The dot that ends a sentence.
    let last = bytes[end - 1] == UInt8(ascii: ".") ? end - 1 : end
    hide(start..<last, .token)
  }
}
