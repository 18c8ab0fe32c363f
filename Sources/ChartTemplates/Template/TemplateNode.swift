import Documents

/// A part of a template, with the line where it begins.
struct TemplateNode: Sendable {
  var line: Int
  var kind: Kind

  indirect enum Kind: Sendable {
    case text(String)
    case output(TemplateExpression)
    /// `$name := value`, or `$name = value` for a variable that is there.
    case assignment(name: String, value: TemplateExpression, isDeclaration: Bool)
    case condition(branches: [Branch], otherwise: [TemplateNode])
    case with(TemplateExpression, body: [TemplateNode], otherwise: [TemplateNode])
    case range(Loop, body: [TemplateNode], otherwise: [TemplateNode])
  }

  /// One branch of `if … else if …`.
  struct Branch: Sendable {
    var condition: TemplateExpression
    var body: [TemplateNode]
  }

  /// What `range` goes over, and the variables for key and value.
  struct Loop: Sendable {
    var items: TemplateExpression
    var keyName: String?
    var valueName: String?
  }
}

/// A value in a template.
indirect enum TemplateExpression: Sendable {
  case literal(DocumentValue)
  /// The dot.
  case current
  /// `$name`, or `$` for the root.
  case variable(String)
  case field(TemplateExpression, String)
  case call(TemplateFunction, [TemplateExpression])
}

/// A template as read from a file.
struct ParsedTemplate: Sendable {
  var file: String
  var body: [TemplateNode]
  /// What the file defines for `include`, by name.
  var definitions: [String: [TemplateNode]]
}
