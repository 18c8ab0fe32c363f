/// Arguments of commands, and credentials behind the name of their scheme.
extension SecretScan {
  /// Does what a word says about what follows it.
  mutating func read(_ lead: LeadWord) {
    switch lead {
    case .scheme: hideCredentials()
    case .doubtfulScheme: hideCredentials(areRandom: true)
    case .program(let program):
      // `http:` is the scheme of a URL.
      guard index < bytes.count, bytes[index] <= 0x20 || isMark(bytes[index]) || bytes[index] == UInt8(ascii: "\\")
      else {
        return
      }
      self.program = program
    case .login: program?.isAfterLogin = false
    case .definition, .identified, .by, .password: readStatement(lead)
    }
  }

  /// The last word begins with `-`.
  mutating func readFlag() {
    let second = bytes[word.lowerBound + 1]
    if second == UInt8(ascii: "-") {
      if program?.isWebClient == true, isWord("--user") || isWord("--proxy-user") || isWord("--auth") {
        hideUserArgument()
      } else if index < bytes.count, bytes[index] != UInt8(ascii: "="), bytes[index] != UInt8(ascii: ":"),
        keys.verdict(ofPair: text(word)).isSecret
      {
        hideArgument()
      }
      return
    }
    if let program, !program.isAfterLogin, index < bytes.count {
      switch program.takes {
      case .user where word.count == 2 && second == program.flag || isGroupOfFlags(of: program):
        return hideUserArgument()
      case .user where second == program.flag && bytes[index] == UInt8(ascii: ":"):
        return hideJoinedArgument()
      case .joined where second == program.flag, .argument where second == program.flag:
        let isArgument = program.takes == .argument
        // What follows may be another command, as behind `sshpass`.
        if isArgument { self.program = nil }
        if word.count > 2 || isJoined(bytes[index]) { return hideJoinedArgument() }
        if isArgument { return hideArgument() }
      default: break
      }
    }
    // `-password pw`, as programs in Java and Go take it.
    if word.count >= 4, separatorBefore <= 0x20 || isMark(separatorBefore), index < bytes.count,
      bytes[index] == 0x20 || isMark(bytes[index]), keys.verdict(ofPair: text(word)).isSecret
    {
      hideArgument()
    }
  }

  private func isMark(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

  /// Whether a byte behind a flag of one letter belongs to its argument.
  private func isJoined(_ byte: UInt8) -> Bool {
    if isMark(byte) { return byte != separatorBefore }
    return byte > 0x20 && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "=")
      && byte != UInt8(ascii: "]") && byte != UInt8(ascii: ")") && byte != UInt8(ascii: "|")
  }

  /// Whether the last word is a group of flags that ends with the one for a user: `-su`.
  private func isGroupOfFlags(of program: SecretProgram) -> Bool {
    word.count >= 3 && word.count <= 8 && bytes[word.upperBound - 1] == program.flag
      && text(word).dropFirst().allSatisfy { ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") }
  }

  /// Hides what is joined to a flag of one letter: `-ppw`, `-p'p w'`.
  private mutating func hideJoinedArgument() {
    let (start, key) = (word.lowerBound + 2, word.lowerBound..<(word.lowerBound + 2))
    if start == index, isMark(bytes[index]) {
      let end = quotedEnd(from: index + 1, Quote(byte: bytes[index], level: 0, escapes: 0))
      return hide((index + 1)..<end, .argument, key: key)
    }
    let end = argumentEnd(from: index)
    hide(start..<end, .argument, key: key)
  }

  /// Hides the next argument of a command, unless it is a flag.
  mutating func hideArgument() {
    guard let start = argumentStart(), bytes[start] != UInt8(ascii: "-") else { return }
    let key = word
    if isMark(bytes[start - 1]) {
      var escapes = 0
      while start - 2 - escapes >= key.upperBound, bytes[start - 2 - escapes] == UInt8(ascii: "\\") { escapes += 1 }
      let end = quotedEnd(from: start, Quote(byte: bytes[start - 1], level: 0, escapes: escapes))
      return hide(start..<end, .argument, key: key)
    }
    guard isMark(separatorBefore) else { return hide(start..<argumentEnd(from: start), .argument, key: key) }
    // A number in a list of JSON, or the end of a command in quotation marks.
    var end = argumentEnd(from: start)
    let isNumber = isMark(bytes[index]) && bytes[index] == separatorBefore
    if isNumber, let sign = text(start..<end).firstIndex(where: { ",]})".utf8.contains($0) }) { end = start + sign }
    hide(start..<end, .argument, key: key, mark: isNumber ? mark(before: key) : nil)
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
      bytes[start] <= 0x20 || isMark(bytes[start]) || bytes[start] == UInt8(ascii: ",")
        || bytes[start] == UInt8(ascii: "\\") || bytes[start] == UInt8(ascii: "=")
    {
      start += 1
    }
    return start > index && start < bytes.count ? start : nil
  }

  /// Where an argument of a command ends.
  mutating func argumentEnd(from start: Int, atMost count: Int = .max) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count, position - start < count, bytes[position] > 0x20, !isMark(bytes[position]),
      bytes[position] != UInt8(ascii: "\\")
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
