import Documents

/// Reads a template of the supported subset of Go's templates: text, output, `if`, `with`, `range`, `define`, variables,
/// pipelines, comments and ``TemplateFunction``. Anything else is an error.
struct TemplateParser {
  private let file: String
  private var pieces: ArraySlice<TemplateLexer.Piece>
  private var definitions: [String: [TemplateNode]] = [:]
  private var depth = 0

  /// How deep actions and parentheses may be nested.
  private static let depthLimit = 100

  /// Reads a file of a chart.
  static func parse(file: String, source: String) throws(TemplateError) -> ParsedTemplate {
    var lexer = TemplateLexer(file: file, source: source)
    var parser = TemplateParser(file: file, pieces: try lexer.pieces()[...])
    let (body, end) = try parser.nodes()
    if let end { throw TemplateError(file: file, line: end.line, message: "\(end.word.quoted) has no beginning") }
    return ParsedTemplate(file: file, body: body, definitions: parser.definitions)
  }

  private init(file: String, pieces: ArraySlice<TemplateLexer.Piece>) {
    self.file = file
    self.pieces = pieces
  }

  /// The action that ends a list of nodes: `end`, or `else` with what follows it.
  private struct Ending {
    var word: String
    var rest: ArraySlice<TemplateLexer.Token>
    var line: Int
  }

  private mutating func nodes() throws(TemplateError) -> ([TemplateNode], Ending?) {
    depth += 1
    defer { depth -= 1 }
    var nodes: [TemplateNode] = []
    while let piece = pieces.popFirst() {
      switch piece {
      case .text(let text, let line): nodes.append(TemplateNode(line: line, kind: .text(text)))
      case .action(let tokens, let line):
        guard depth <= Self.depthLimit else { throw error(line, "actions are nested too deeply") }
        if case .word(let word) = tokens.first {
          let rest = tokens.dropFirst()
          if word == "end" || word == "else" { return (nodes, Ending(word: word, rest: rest, line: line)) }
          if word == "define" {
            try define(rest, line)
            continue
          }
          if let node = try block(word, rest, line) {
            nodes.append(node)
            continue
          }
        }
        nodes.append(TemplateNode(line: line, kind: try statement(tokens[...], line)))
      }
    }
    return (nodes, nil)
  }

  private mutating func define(_ rest: ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError) {
    guard rest.count == 1, case .literal(.string(let name)) = rest.first else {
      throw error(line, "define takes a name in quotes")
    }
    let (body, end) = try nodes()
    guard end?.word == "end" else { throw error(line, "define has no end") }
    definitions[name] = body
  }

  /// Reads `if`, `with` or `range` up to its end; `nil` for another word.
  private mutating func block(_ word: String, _ rest: ArraySlice<TemplateLexer.Token>, _ line: Int)
    throws(TemplateError) -> TemplateNode?
  {
    switch word {
    case "if":
      return TemplateNode(line: line, kind: try condition(rest, line))
    case "with":
      let value = try expression(rest, line)
      let (body, otherwise) = try bodies(of: word, line)
      return TemplateNode(line: line, kind: .with(value, body: body, otherwise: otherwise))
    case "range":
      let loop = try loop(rest, line)
      let (body, otherwise) = try bodies(of: word, line)
      return TemplateNode(line: line, kind: .range(loop, body: body, otherwise: otherwise))
    case "template", "block", "break", "continue": throw error(line, "\(word) is not supported; use include")
    default: return nil
    }
  }

  private mutating func condition(_ rest: ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateNode.Kind
  {
    var branches: [TemplateNode.Branch] = []
    var next = try expression(rest, line)
    while true {
      let (body, ending) = try nodes()
      branches.append(.init(condition: next, body: body))
      guard let ending else { throw error(line, "if has no end") }
      if ending.word == "end" { return .condition(branches: branches, otherwise: []) }
      guard !ending.rest.isEmpty else {
        return .condition(branches: branches, otherwise: try last(of: "if", line))
      }
      guard ending.rest.first == .word("if") else { throw error(ending.line, "else may only be followed by if") }
      next = try expression(ending.rest.dropFirst(), ending.line)
    }
  }

  /// The body of `with` or `range`, and that of its `else`.
  private mutating func bodies(of word: String, _ line: Int) throws(TemplateError)
    -> ([TemplateNode], [TemplateNode])
  {
    let (body, ending) = try nodes()
    guard let ending else { throw error(line, "\(word) has no end") }
    if ending.word == "end" { return (body, []) }
    guard ending.rest.isEmpty else { throw error(ending.line, "else of \(word) takes no condition") }
    return (body, try last(of: word, line))
  }

  private mutating func last(of word: String, _ line: Int) throws(TemplateError) -> [TemplateNode] {
    let (body, ending) = try nodes()
    guard ending?.word == "end" else { throw error(line, "\(word) has no end") }
    return body
  }

  private mutating func loop(_ rest: ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateNode.Loop
  {
    let head = rest.prefix { $0 != .symbol(":=") }
    guard head.count < rest.count else {
      return .init(items: try expression(rest, line), keyName: nil, valueName: nil)
    }
    let items = try expression(rest.dropFirst(head.count + 1), line)
    let names = head.compactMap { if case .variable(let name) = $0 { name } else { nil } }
    switch (head.count, names.count) {
    case (1, 1): return .init(items: items, keyName: nil, valueName: names[0])
    case (3, 2): return .init(items: items, keyName: names[0], valueName: names[1])
    default: throw error(line, "range takes one or two variables")
    }
  }

  private mutating func statement(_ tokens: ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateNode.Kind
  {
    if case .variable(let name) = tokens.first, let sign = tokens.dropFirst().first,
      sign == .symbol(":=") || sign == .symbol("=")
    {
      return .assignment(
        name: name, value: try expression(tokens.dropFirst(2), line), isDeclaration: sign == .symbol(":="))
    }
    return .output(try expression(tokens, line))
  }

  /// Reads a pipeline that takes all of the tokens.
  private mutating func expression(_ tokens: ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateExpression
  {
    var tokens = tokens
    let value = try pipeline(&tokens, line)
    guard tokens.isEmpty else { throw error(line, "the action goes on behind its value") }
    return value
  }

  private mutating func pipeline(_ tokens: inout ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateExpression
  {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else { throw error(line, "parentheses are nested too deeply") }
    var value = try command(&tokens, line, piped: nil)
    while tokens.first == .symbol("|") {
      tokens.removeFirst()
      value = try command(&tokens, line, piped: value)
    }
    return value
  }

  /// Reads a function with its arguments, or one value.
  private mutating func command(
    _ tokens: inout ArraySlice<TemplateLexer.Token>, _ line: Int, piped: TemplateExpression?
  ) throws(TemplateError) -> TemplateExpression {
    guard case .word(let name) = tokens.first else {
      guard piped == nil else { throw error(line, "| must be followed by a function") }
      return try operand(&tokens, line)
    }
    tokens.removeFirst()
    var arguments: [TemplateExpression] = []
    while let next = tokens.first, next != .symbol("|"), next != .symbol(")") {
      arguments.append(try operand(&tokens, line))
    }
    if let piped { arguments.append(piped) }
    return try call(name, arguments, line)
  }

  private func call(_ name: String, _ arguments: [TemplateExpression], _ line: Int) throws(TemplateError)
    -> TemplateExpression
  {
    guard let function = TemplateFunction(rawValue: name) else {
      let nearest = NearestName.find(name, among: TemplateFunction.allCases.map(\.rawValue))
      let hint = nearest.map { "; did you mean \($0)?" } ?? ""
      throw error(line, "the function \(name.quoted) is not supported\(hint)")
    }
    guard function.arguments.contains(arguments.count) else {
      throw error(line, "\(name) does not take \(arguments.count) arguments")
    }
    return .call(function, arguments)
  }

  private mutating func operand(_ tokens: inout ArraySlice<TemplateLexer.Token>, _ line: Int) throws(TemplateError)
    -> TemplateExpression
  {
    guard let token = tokens.popFirst() else { throw error(line, "a value is missing") }
    var value: TemplateExpression
    switch token {
    case .dot: value = .current
    case .field(let name, _): value = .field(.current, name)
    case .variable(let name): value = .variable(name)
    case .literal(let literal): value = .literal(literal)
    case .word(let name): value = try call(name, [], line)
    case .symbol("("):
      value = try pipeline(&tokens, line)
      guard tokens.popFirst() == .symbol(")") else { throw error(line, "a parenthesis is not closed") }
    case .symbol(let symbol): throw error(line, "\(symbol.quoted) is not expected there")
    }
    while case .field(let name, isAttached: true) = tokens.first {
      tokens.removeFirst()
      value = .field(value, name)
    }
    return value
  }

  private func error(_ line: Int, _ message: String) -> TemplateError {
    TemplateError(file: file, line: line, message: message)
  }
}
