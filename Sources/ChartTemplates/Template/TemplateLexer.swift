import Documents

/// Splits a template into text and actions, and actions into tokens.
struct TemplateLexer {
  enum Token: Equatable {
    case word(String)
    /// The dot alone.
    case dot
    /// `.name`. It belongs to what stands before it when there is no space between.
    case field(String, isAttached: Bool)
    /// `$name`, without the dollar sign.
    case variable(String)
    case literal(DocumentValue)
    /// One of `( ) | , := =`.
    case symbol(String)
  }

  enum Piece {
    case text(String, line: Int)
    case action([Token], line: Int)
  }

  private let file: String
  private let source: [Character]
  private var index = 0
  private var line = 1

  init(file: String, source: String) {
    self.file = file
    self.source = Array(source)
  }

  /// Reads the whole template.
  mutating func pieces() throws(TemplateError) -> [Piece] {
    var pieces: [Piece] = []
    var text: [Character] = []
    var textLine = 1
    while index < source.count {
      guard starts(with: "{{") else {
        text.append(advance())
        continue
      }
      index += 2
      if starts(with: "-"), index + 1 < source.count, source[index + 1].isWhitespace {
        index += 1
        while let last = text.last, last.isWhitespace { text.removeLast() }
      }
      if !text.isEmpty { pieces.append(.text(String(text), line: textLine)) }
      text = []
      let actionLine = line
      let tokens = try action()
      if !tokens.isEmpty { pieces.append(.action(tokens, line: actionLine)) }
      textLine = line
    }
    if !text.isEmpty { pieces.append(.text(String(text), line: textLine)) }
    return pieces
  }

  /// Reads up to the end of an action, and the white space behind it if the action says so.
  private mutating func action() throws(TemplateError) -> [Token] {
    let start = line
    var tokens: [Token] = []
    var isAfterSpace = true
    while index < source.count {
      if starts(with: "}}") {
        index += 2
        return tokens
      }
      if starts(with: "-}}"), isAfterSpace {
        index += 3
        while index < source.count, source[index].isWhitespace { advance() }
        return tokens
      }
      if source[index].isWhitespace {
        advance()
        isAfterSpace = true
        continue
      }
      if starts(with: "/*") {
        try skipComment()
        // A comment may end at once or before `-}}`, which needs no space there.
        isAfterSpace = true
        continue
      }
      tokens.append(try token(isAttached: !isAfterSpace))
      isAfterSpace = false
    }
    throw TemplateError(file: file, line: start, message: "an action begins with {{ and does not end")
  }

  private mutating func token(isAttached: Bool) throws(TemplateError) -> Token {
    let character = source[index]
    switch character {
    case "(", ")", "|", ",", "=":
      index += 1
      return .symbol(String(character))
    case ":":
      guard starts(with: ":=") else { throw unexpected(character) }
      index += 2
      return .symbol(":=")
    case ".":
      index += 1
      let name = takeName()
      return name.isEmpty ? .dot : .field(name, isAttached: isAttached)
    case "$":
      index += 1
      return .variable(takeName())
    case "\"", "`": return .literal(.string(try text(in: character)))
    case "-", "0"..."9": return .literal(try number())
    default:
      let name = takeName()
      guard !name.isEmpty else { throw unexpected(character) }
      switch name {
      case "true": return .literal(true)
      case "false": return .literal(false)
      case "nil": return .literal(.null)
      default: return .word(name)
      }
    }
  }

  private mutating func takeName() -> String {
    let start = index
    while index < source.count, source[index].isLetter || source[index].isNumber || source[index] == "_" { index += 1 }
    return String(source[start..<index])
  }

  private mutating func number() throws(TemplateError) -> DocumentValue {
    let start = index
    index += 1
    while index < source.count, source[index].isNumber { index += 1 }
    guard let value = Int64(String(source[start..<index])) else {
      throw TemplateError(file: file, line: line, message: "this is not a number of 64 bits")
    }
    return .integer(value)
  }

  /// Reads text in quotes or in back quotes.
  private mutating func text(in quote: Character) throws(TemplateError) -> String {
    let start = line
    var text = ""
    index += 1
    while index < source.count {
      let character = advance()
      if character == quote { return text }
      guard quote == "\"", character == "\\", index < source.count else {
        text.append(character)
        continue
      }
      let escaped = advance()
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "\"", "\\": text.append(escaped)
      default: throw TemplateError(file: file, line: line, message: "\\\(escaped) is not supported in text")
      }
    }
    throw TemplateError(file: file, line: start, message: "text begins with \(quote) and does not end")
  }

  private mutating func skipComment() throws(TemplateError) {
    let start = line
    while index < source.count {
      if starts(with: "*/") {
        index += 2
        return
      }
      advance()
    }
    throw TemplateError(file: file, line: start, message: "a comment begins with /* and does not end")
  }

  private func unexpected(_ character: Character) -> TemplateError {
    TemplateError(file: file, line: line, message: "\(String(character).quoted) is not expected in an action")
  }

  private func starts(with text: String) -> Bool { source[index...].starts(with: text) }

  @discardableResult
  private mutating func advance() -> Character {
    let character = source[index]
    index += 1
    if character.isNewline { line += 1 }
    return character
  }
}
