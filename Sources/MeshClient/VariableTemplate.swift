import Mustache

/// Fills variables into text: `{{ name }}`; dotted names nest. As in Kuma, `{{ name }}` escapes HTML characters, and
/// `{{{ name }}}` does not.
public enum VariableTemplate {
  /// Why a template or a variable cannot be used.
  public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public var description: String
  }

  /// Parses variables in the form `name=value`, or several as `a=1,b=2`. With a single equals sign, commas are part of the
  /// value; otherwise quoted parts may contain commas. Source: `StringToString` of Kuma's command line.
  ///
  /// - Throws: ``Failure`` when a part has no equals sign or no name.
  public static func pairs(_ text: String) throws(Failure) -> [(name: String, value: String)] {
    var parts = [text]
    if text.count(where: { $0 == "=" }) > 1 {
      guard let split = commaSeparated(text) else {
        throw Failure(description: "\(text) has quotes that are not closed, or stand within a part")
      }
      parts = split
    } else {
      while parts[0].hasPrefix("\"") { parts[0].removeFirst() }
      while parts[0].hasSuffix("\"") { parts[0].removeLast() }
    }
    var pairs: [(name: String, value: String)] = []
    for part in parts {
      guard let equals = part.firstIndex(of: "="), equals != part.startIndex else {
        throw Failure(description: "\(part) must be formatted as key=value")
      }
      pairs.append((String(part[..<equals]), String(part[part.index(after: equals)...])))
    }
    return pairs
  }

  /// Parses variables; if a name is given twice, the last value wins.
  public static func variables(_ texts: some Sequence<String>) throws(Failure) -> [String: String] {
    var variables: [String: String] = [:]
    for text in texts {
      for (name, value) in try pairs(text) { variables[name] = value }
    }
    return variables
  }

  /// The parts of a line separated by commas; `nil` if a quote is misplaced. Source: RFC 4180.
  private static func commaSeparated(_ text: String) -> [String]? {
    var parts: [String] = []
    var rest = text[...]
    while true {
      var part = ""
      if rest.hasPrefix("\"") {
        rest = rest.dropFirst()
        while true {
          guard let quote = rest.firstIndex(of: "\"") else { return nil }
          part += rest[..<quote]
          rest = rest[rest.index(after: quote)...]
          guard rest.hasPrefix("\"") else { break }
          part += "\""
          rest = rest.dropFirst()
        }
        guard rest.isEmpty || rest.hasPrefix(",") else { return nil }
      } else {
        part = String(rest.prefix { $0 != "," })
        guard !part.contains("\"") else { return nil }
        rest = rest.dropFirst(part.count)
      }
      parts.append(part)
      guard rest.hasPrefix(",") else { return parts }
      rest = rest.dropFirst()
    }
  }

  /// The names of variables whose values are escaped, sorted.
  public static func escapedNames(_ variables: [String: String]) -> [String] {
    let escaping = Escaping()
    return variables.filter { escaping.escapeText($0.value) != $0.value }.keys.sorted()
  }

  /// Escapes text as Kuma's templates do. Source: Go's `template.HTMLEscape`.
  private struct Escaping: MustacheContentType {
    static let name = "KUMA"
    static let registered: Void = MustacheContentTypes.register(Escaping(), named: name)

    func escapeText(_ text: String) -> String {
      var escaped = ""
      for scalar in text.unicodeScalars {
        switch scalar {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&#34;"
        case "'": escaped += "&#39;"
        case "\0": escaped += "\u{fffd}"
        default: escaped.unicodeScalars.append(scalar)
        }
      }
      return escaped
    }
  }

  /// The text with variables filled in. As in Kuma, a variable without a value becomes empty.
  ///
  /// - Throws: ``Failure`` if the text is not a valid template, or one name is both a value and a group of values.
  public static func render(_ text: String, variables: [String: String]) throws(Failure) -> String {
    var root = Group()
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      let path = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard !path.contains("") else {
        throw Failure(description: "the variable name \"\(name)\" has an empty part")
      }
      guard root.set(value, at: path[...]) else {
        throw Failure(
          description: "the variable \"\(name)\" is inside another variable that has a value; rename one of them")
      }
    }
    guard sectionCount(in: text) <= sectionLimit else {
      throw Failure(
        description: "the variables cannot be filled in: the text has more than \(sectionLimit) sections such as "
          + "{{#name}}; use fewer, or split the file")
    }
    if let line = firstCrowdedLine(in: text) {
      throw Failure(
        description: "line \(line): the variables cannot be filled in: there are too many on one line of this length; "
          + "break it")
    }
    let head = "{{% CONTENT_TYPE: \(Escaping.name)}}"
    do {
      Escaping.registered
      return try MustacheTemplate(string: head + text).render(root.values)
    } catch let error as MustacheTemplate.ParserError {
      let line = error.context.lineNumber
      // The first line is not the user's.
      let column = max(error.context.columnNumber - (line == 1 ? head.count : 0), 1)
      throw Failure(
        description: "line \(line), column \(column): the variables cannot be filled in: \(words(for: error.error))")
    } catch {
      throw Failure(description: "the variables cannot be filled in: \(words(for: error))")
    }
  }

  /// The limit of sections in one text: the library handles nested sections by recursion.
  private static let sectionLimit = 250

  /// The number of sections that may begin in a text.
  private static func sectionCount(in text: String) -> Int {
    let marks = Set("#^<$".utf8)
    let opening = UInt8(ascii: "{")
    // After a change of delimiters, each mark may begin a section.
    let isAnywhere = text.contains("{{=")
    var count = 0
    var braces = 0
    for byte in text.utf8 {
      if marks.contains(byte), isAnywhere || braces > 1 { count += 1 }
      braces = byte == opening ? braces + 1 : 0
    }
    return count
  }

  /// The limit of bytes read from lines in total: the library reads a line again for each of its variables.
  private static let rereadLimit = 64 << 20

  /// The number of the line at which a text exceeds the limit, from 1; nil if it does not.
  private static func firstCrowdedLine(in text: String) -> Int? {
    let hasOwnDelimiters = text.contains("{{=")
    var reread = 0
    for (number, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    {
      // Delimiters set by the text may be single characters.
      var variables = hasOwnDelimiters ? line.count / 4 : 0
      if !hasOwnDelimiters {
        var last: UInt8 = 0
        for byte in line {
          if byte == UInt8(ascii: "{"), last == byte { variables += 1 }
          last = byte
        }
      }
      reread += variables * line.count
      guard reread <= rereadLimit else { return number + 1 }
    }
    return nil
  }

  /// Why a template is invalid, and what to do.
  private static func words(for error: any Error) -> String {
    switch error as? MustacheTemplate.Error {
    case .sectionCloseNameIncorrect: "a section is closed under another name than the one it was opened with"
    case .expectedSectionEnd: "a section is not closed; {{#name}} needs a {{/name}} behind it"
    case .invalidSetDelimiter: "delimiters are set in the form {{=<% %>=}}"
    default: "a variable stands in the form {{ name }}"
    }
  }

  /// Values and groups of values by name.
  private struct Group {
    enum Entry {
      case value(String)
      case group(Group)
    }
    var entries: [String: Entry] = [:]

    var values: [String: Any] {
      entries.mapValues { entry in
        switch entry {
        case .value(let value): value as Any
        case .group(let group): group.values as Any
        }
      }
    }

    mutating func set(_ value: String, at path: ArraySlice<String>) -> Bool {
      guard let name = path.first else { return false }
      let rest = path.dropFirst()
      if rest.isEmpty {
        guard entries[name] == nil else { return false }
        entries[name] = .value(value)
        return true
      }
      var group = Group()
      switch entries[name] {
      case .value: return false
      case .group(let existing): group = existing
      case nil: break
      }
      guard group.set(value, at: rest) else { return false }
      entries[name] = .group(group)
      return true
    }
  }
}
