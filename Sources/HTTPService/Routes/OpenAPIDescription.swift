import HTTPTypes

/// A value of the document that describes an API.
package protocol DescriptionValue: SendableMetatype {
  static func string(_ text: String) -> Self
  static func bool(_ value: Bool) -> Self
  static func array(_ items: [Self]) -> Self
  /// An object whose members are in the order given.
  static func object(members: [(String, Self)]) -> Self
}

/// The description of an API in OpenAPI 3, made from its operations.
package struct OpenAPIDescription<Value: DescriptionValue> {
  package var title: String
  package var version: String
  package var operations: [Operation]
  /// The schemas to which operations refer.
  package var schemas: [(String, Value)]

  package init(title: String, version: String, operations: [Operation], schemas: [(String, Value)]) {
    self.title = title
    self.version = version
    self.operations = operations
    self.schemas = schemas
  }

  /// The description. Paths are in the order of the operations.
  package var document: Value {
    var paths: [(path: String, methods: [(String, Value)])] = []
    for operation in operations {
      let method = (operation.method.rawValue.lowercased(), Self.describe(operation))
      if let known = paths.firstIndex(where: { $0.path == operation.path }) {
        paths[known].methods.append(method)
      } else {
        paths.append((operation.path, [method]))
      }
    }
    return .object(members: [
      ("openapi", .string("3.0.3")),
      ("info", .object(members: [("title", .string(title)), ("version", .string(version))])),
      ("paths", .object(members: paths.map { ($0.path, .object(members: $0.methods)) })),
      ("components", .object(members: [("schemas", .object(members: schemas))])),
    ])
  }

  private static func describe(_ operation: Operation) -> Value {
    var members: [(String, Value)] = [("summary", .string(operation.summary))]
    if !operation.servers.isEmpty {
      members.append(("servers", .array(operation.servers.map { .object(members: [("url", .string($0))]) })))
    }
    let parameters =
      operation.pathParameters.map { name in
        Value.object(members: [
          ("name", .string(name)), ("in", .string("path")), ("required", .bool(true)), ("schema", describe(.text)),
        ])
      } + operation.query.map(describe)
    if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
    if !operation.accepts.isEmpty {
      members.append(
        ("requestBody", .object(members: [("required", .bool(true)), ("content", describe(operation.accepts))])))
    }
    members.append(("responses", .object(members: operation.outcomes.map { (String($0.status.code), describe($0)) })))
    return .object(members: members)
  }

  private static func describe(_ parameter: Operation.Parameter) -> Value {
    var members: [(String, Value)] = [
      ("name", .string(parameter.name)), ("in", .string("query")), ("description", .string(parameter.summary)),
      ("schema", describe(.text)),
    ]
    if let example = parameter.requiredExample {
      members += [("required", .bool(true)), ("example", .string(example))]
    }
    return .object(members: members)
  }

  private static func describe(_ outcome: Operation.Outcome) -> Value {
    var members: [(String, Value)] = [("description", .string(outcome.summary))]
    if !outcome.content.isEmpty { members.append(("content", describe(outcome.content))) }
    return .object(members: members)
  }

  private static func describe(_ content: [Operation.Content]) -> Value {
    .object(members: content.map { ($0.type, .object(members: [("schema", describe($0.schema))])) })
  }

  private static func describe(_ schema: Operation.Schema) -> Value {
    switch schema {
    case .text: .object(members: [("type", .string("string"))])
    case .bytes: .object(members: [("type", .string("string")), ("format", .string("binary"))])
    case .object: .object(members: [("type", .string("object"))])
    case .any: .object(members: [])
    case .named(let name): .object(members: [("$ref", .string("#/components/schemas/\(name)"))])
    }
  }
}
