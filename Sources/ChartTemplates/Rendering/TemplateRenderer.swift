import Documents
import OrderedCollections

/// Renders templates with the values of a release.
struct TemplateRenderer {
  private let root: DocumentValue
  /// What `include` knows, with the file of each.
  private let definitions: [String: (file: String, body: [TemplateNode])]
  private var file = ""
  private var scopes: [[String: DocumentValue]] = []
  private var includes = 0

  /// How deep `include` may be nested: a definition that includes itself never ends.
  private static let includeLimit = 50
  /// The largest result of a file, in bytes.
  private static let sizeLimit = 4 << 20

  init(root: DocumentValue, templates: [ParsedTemplate]) {
    self.root = root
    var definitions: [String: (file: String, body: [TemplateNode])] = [:]
    for template in templates {
      for (name, body) in template.definitions { definitions[name] = (template.file, body) }
    }
    self.definitions = definitions
  }

  /// Renders the text of a file.
  mutating func render(_ template: ParsedTemplate) throws(TemplateError) -> String {
    file = template.file
    scopes = [["": root]]
    return try render(template.body, root)
  }

  private mutating func render(_ nodes: [TemplateNode], _ current: DocumentValue) throws(TemplateError) -> String {
    scopes.append([:])
    defer { scopes.removeLast() }
    var text = ""
    for node in nodes {
      text += try render(node, current)
      guard text.utf8.count <= Self.sizeLimit else { throw error(node, "the result is larger than 4 MiB") }
    }
    return text
  }

  private mutating func render(_ node: TemplateNode, _ current: DocumentValue) throws(TemplateError) -> String {
    switch node.kind {
    case .text(let text): return text
    case .output(let expression):
      let value = try evaluate(expression, current, node)
      if value == .null { return "" }
      guard let text = value.scalarText else { throw error(node, "\(value.article) cannot be written; use toYaml") }
      return text
    case .assignment(let name, let expression, let isDeclaration):
      let value = try evaluate(expression, current, node)
      let index = isDeclaration ? scopes.count - 1 : scopes.lastIndex { $0[name] != nil }
      guard let index, !name.isEmpty else { throw error(node, "there is no variable $\(name)") }
      scopes[index][name] = value
      return ""
    case .condition(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition, current, node).isTrue {
        return try render(branch.body, current)
      }
      return try render(otherwise, current)
    case .with(let expression, let body, let otherwise):
      let value = try evaluate(expression, current, node)
      return value.isTrue ? try render(body, value) : try render(otherwise, current)
    case .range(let loop, let body, let otherwise):
      return try render(loop, body, otherwise, current, node)
    }
  }

  private mutating func render(
    _ loop: TemplateNode.Loop, _ body: [TemplateNode], _ otherwise: [TemplateNode], _ current: DocumentValue,
    _ node: TemplateNode
  ) throws(TemplateError) -> String {
    let value = try evaluate(loop.items, current, node)
    let items: [(key: DocumentValue, value: DocumentValue)]
    switch value {
    case .null: items = []
    case .array(let list): items = list.enumerated().map { (.integer(Int64($0)), $1) }
    case .object(let object): items = object.sorted { $0.key < $1.key }.map { (.string($0.key), $0.value) }
    default: throw error(node, "range goes over a list or an object, and not over \(value.article)")
    }
    guard !items.isEmpty else { return try render(otherwise, current) }
    var text = ""
    for item in items {
      var scope: [String: DocumentValue] = [:]
      if let name = loop.keyName { scope[name] = item.key }
      if let name = loop.valueName { scope[name] = item.value }
      scopes.append(scope)
      defer { scopes.removeLast() }
      text += try render(body, item.value)
      guard text.utf8.count <= Self.sizeLimit else { throw error(node, "the result is larger than 4 MiB") }
    }
    return text
  }

  private mutating func evaluate(_ expression: TemplateExpression, _ current: DocumentValue, _ node: TemplateNode)
    throws(TemplateError) -> DocumentValue
  {
    switch expression {
    case .literal(let value): return value
    case .current: return current
    case .variable(let name):
      guard let value = scopes.last(where: { $0[name] != nil })?[name] else {
        throw error(node, "there is no variable $\(name)")
      }
      return value
    case .field(let base, let name):
      let value = try evaluate(base, current, node)
      guard let object = value.object else {
        throw error(node, "\(name.quoted) cannot be read from \(value.article)")
      }
      return object[name] ?? .null
    case .call(.and, let arguments): return try first(of: arguments, current, node) { !$0.isTrue }
    case .call(.or, let arguments): return try first(of: arguments, current, node) { $0.isTrue }
    case .call(let function, let arguments):
      var values: [DocumentValue] = []
      for argument in arguments { values.append(try evaluate(argument, current, node)) }
      if function == .include { return .string(try include(values, node)) }
      do throws(FunctionError) {
        return try function.apply(values)
      } catch {
        throw self.error(node, error.message)
      }
    }
  }

  /// The first value that decides, or the last one.
  private mutating func first(
    of arguments: [TemplateExpression], _ current: DocumentValue, _ node: TemplateNode,
    where decides: (DocumentValue) -> Bool
  ) throws(TemplateError) -> DocumentValue {
    var value = DocumentValue.null
    for argument in arguments {
      value = try evaluate(argument, current, node)
      if decides(value) { break }
    }
    return value
  }

  private mutating func include(_ values: [DocumentValue], _ node: TemplateNode) throws(TemplateError) -> String {
    guard let name = values[0].string, let definition = definitions[name] else {
      throw error(node, "no template defines \((values[0].string ?? "").quoted)")
    }
    includes += 1
    defer { includes -= 1 }
    guard includes <= Self.includeLimit else { throw error(node, "\(name.quoted) is included without end") }
    let (outerFile, outerScopes) = (file, scopes)
    defer { (file, scopes) = (outerFile, outerScopes) }
    // Within a definition, $ is what it was given.
    (file, scopes) = (definition.file, [["": values[1]]])
    return try render(definition.body, values[1])
  }

  private func error(_ node: TemplateNode, _ message: String) -> TemplateError {
    TemplateError(file: file, line: node.line, message: message)
  }
}
