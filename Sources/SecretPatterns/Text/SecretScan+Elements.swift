/// What was read of an element of XML whose name is that of a secret.
struct SecretElement {
  /// Where the name of an element begins that starts here; -1 before the first one.
  var nameStart = -1
  /// Where the name of an element begins that ends here; -1 before the first one.
  var endStart = -1
  /// The name of the element that is open; nil if none is.
  var name: Range<Int>?
  /// Whether the element's own tag has ended.
  var isOpen = false
  /// Whether the text is one of XML; nil if nobody has looked.
  var isMarkup: Bool?
}

/// Elements of XML: `<password>pw</password>`, and what is within them.
extension SecretScan {
  /// The last word is the name in a tag.
  mutating func readElementName() {
    if word.lowerBound == element.endStart {
      if let name = element.name, text(name).elementsEqual(text(word)) { element.name = nil }
    } else if element.name == nil, keys.verdict(ofPair: text(word)).isSecret, isMarkup() {
      (element.name, element.isOpen) = (word, false)
    }
  }

  /// The position is behind a tag, or another `>`.
  mutating func readTagEnd(at start: Int, level: Int) {
    if element.name != nil {
      if lastSeparator == UInt8(ascii: "/"), lastSeparatorEnd == start {
        if !element.isOpen { element.name = nil }
        return
      }
      element.isOpen = true
      hideContent(key: element.name, level: level)
    } else if let named, lastSeparatorEnd == start, isMarkup() {
      // `<property name="password">pw</property>`
      self.named = nil
      hideContent(key: named, level: level)
    }
  }

  private mutating func hideContent(key: Range<Int>?, level: Int) {
    var position = index
    while position < bytes.count, bytes[position] <= 0x20 { position += 1 }
    looked += position - index
    var end = position
    defer { looked += end - position }
    if hasPrefix("<![cdata[", at: position) {
      position += 9
      end = position
      while end < bytes.count, !hasPrefix("]]>", at: end) { end += 1 }
    } else {
      while end < bytes.count {
        let character = EncodedCharacter(bytes, end)
        if character.byte == UInt8(ascii: "<"), character.level <= level { break }
        end = character.end
      }
      while end > position, bytes[end - 1] <= 0x20 { end -= 1 }
    }
    let pair = Pair(key: key ?? word, isQuoted: true, before: 0, sign: UInt8(ascii: "="), level: level)
    guard position < end, !isConstant(position..<end, of: pair) else { return }
    hide(position..<end, .parameter, key: key)
  }

  /// Whether the text is one of XML: it begins like that, or has the end of an element. `Optional<Token> find()` is none.
  private mutating func isMarkup() -> Bool {
    if let isMarkup = element.isMarkup { return isMarkup }
    looked += bytes.count
    let isMarkup =
      bytes[0] == UInt8(ascii: "<") || bytes.indices.contains { hasPrefix("</", at: $0) || hasPrefix("<\\/", at: $0) }
      || bytes.indices.contains { hasPrefix("%3c/", at: $0) || hasPrefix("%3c%2f", at: $0) }
    element.isMarkup = isMarkup
    return isMarkup
  }
}
