/// The simple commands of a shell script.
///
/// It knows as much of a shell as documents need: quotes, comments, lines that go on, redirections, and commands whose output is
/// inserted. What a here-document holds is read as commands too, which finds those in `$( )` there.
package struct ShellCommands {
  private let characters: [Character]
  private var index = 0
  private var commands: [[String]] = []

  /// The words of each command, without quotes, redirections, and variables that are set before it. `$` stands for what a command
  /// inserts.
  package static func all(in script: String) -> [[String]] {
    var reader = ShellCommands(characters: Array(script))
    while reader.index < reader.characters.count { reader.readList() }
    return reader.commands
  }

  private init(characters: [Character]) { self.characters = characters }

  private mutating func next() -> Character? {
    guard index < characters.count else { return nil }
    index += 1
    return characters[index - 1]
  }

  private func isNext(_ character: Character) -> Bool { index < characters.count && characters[index] == character }

  /// Reads commands until the end or a closing parenthesis.
  private mutating func readList() {
    var command = Words()
    while let character = next() {
      switch character {
      case "'": command.add(readText(until: "'"))
      case "\"": command.add(readQuoted())
      case "\\":
        if let escaped = next(), escaped != "\n" { command.add(String(escaped)) }
      case "$" where isNext("("): command.add(readInserted())
      case "#" where !command.isInWord:
        while index < characters.count, !isNext("\n") { index += 1 }
      case " ", "\t": command.endWord()
      case ">", "<":
        command.redirect()
        while isNext(">") || isNext("<") || isNext("&") { index += 1 }
      case ")":
        commands += command.end()
        return
      case "\n", "|", ";", "&", "(": commands += command.end()
      default: command.add(String(character))
      }
    }
    commands += command.end()
  }

  private mutating func readText(until end: Character) -> String {
    var text = ""
    while let character = next(), character != end { text.append(character) }
    return text
  }

  private mutating func readQuoted() -> String {
    var text = ""
    while let character = next(), character != "\"" {
      switch character {
      case "\\": text += next().map(String.init) ?? ""
      case "$" where isNext("("): text += readInserted()
      default: text.append(character)
      }
    }
    return text
  }

  private mutating func readInserted() -> String {
    index += 1
    readList()
    return "$"
  }

  /// The words of commands as they are read.
  private struct Words {
    private var words: [String] = []
    private var word: String?
    private var isRedirection = false

    var isInWord: Bool { word != nil }

    mutating func add(_ text: String) { word = (word ?? "") + text }

    mutating func endWord() {
      guard let ended = word else { return }
      word = nil
      defer { isRedirection = false }
      if !isRedirection, !words.isEmpty || ended.prefixMatch(of: /[A-Za-z_]+=/) == nil { words.append(ended) }
    }

    /// The next word is a file. The number before it is one of an open file.
    mutating func redirect() {
      if let number = word, Int(number) != nil { word = nil }
      endWord()
      isRedirection = true
    }

    /// Ends a command; nothing where it has no words.
    mutating func end() -> [[String]] {
      endWord()
      isRedirection = false
      defer { words = [] }
      return words.isEmpty ? [] : [words]
    }
  }
}
