import HTTPTypes
import MeshModel
import OrderedCollections

/// The description of the API in OpenAPI 3, derived from the route table.
struct OpenAPIDocument: Sendable {
  let routes: [Route]
  let version: String
  /// What other servers of the program do.
  var foreign: [ForeignOperation] = []

  /// The description.
  var document: DocumentValue {
    var paths: DocumentValue.Object = [:]
    for route in routes {
      var methods = paths[route.pattern]?.object ?? [:]
      methods[route.method.rawValue.lowercased()] = operation(route)
      paths[route.pattern] = .object(methods)
    }
    for operation in foreign {
      var methods = paths[operation.path]?.object ?? [:]
      methods[operation.method.lowercased()] = operation.operation
      paths[operation.path] = .object(methods)
    }
    return [
      "openapi": "3.0.3",
      "info": ["title": "Control plane", "version": .string(version)],
      "paths": .object(paths),
      "components": ["schemas": ["Error": Self.errorSchema, "Warnings": Self.warningsSchema]],
    ]
  }

  private func operation(_ route: Route) -> DocumentValue {
    var operation: DocumentValue.Object = ["summary": .string(route.summary)]
    var parameters: [DocumentValue] = route.segments.compactMap { segment in
      guard case .parameter(let name) = segment else { return nil }
      return ["name": .string(name), "in": "path", "required": true, "schema": Self.string]
    }
    parameters += route.query.map { parameter in
      [
        "name": .string(parameter.name), "in": "query", "description": .string(parameter.summary),
        "schema": Self.string,
      ]
    }
    if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
    if route.needsBody {
      operation["requestBody"] = ["required": true, "content": Self.content(MediaType.json, ["type": "object"])]
    }
    operation["responses"] = .object(responses(route))
    return .object(operation)
  }

  private func responses(_ route: Route) -> DocumentValue.Object {
    func failure(_ text: String) -> DocumentValue {
      ["description": .string(text), "content": Self.content(MediaType.json, ["$ref": "#/components/schemas/Error"])]
    }
    let warnings: DocumentValue = [
      "description": "Done; a body is there only when there are warnings.",
      "content": Self.content(MediaType.json, ["$ref": "#/components/schemas/Warnings"]),
    ]
    var responses: DocumentValue.Object = [:]
    switch route.method {
    case .put:
      responses["200"] = warnings
      responses["201"] = warnings
    case .delete: responses["200"] = ["description": "Deleted."]
    default:
      var content: DocumentValue.Object = [:]
      for type in route.produces {
        content[type] = ["schema": type == MediaType.text ? Self.string : ["type": "object"]]
      }
      responses["200"] = ["description": "The answer.", "content": .object(content)]
    }
    if route.needsBody || route.isWrite || !route.query.isEmpty { responses["400"] = failure("A rule is broken.") }
    if route.needsBody || route.pattern.contains("{") { responses["404"] = failure("There is no such thing.") }
    if route.isWrite { responses["405"] = failure("The control plane is read-only.") }
    if route.needsBody, route.isWrite {
      responses["409"] = failure("Somebody else created and deleted the resource at the same time.")
    }
    if route.needsBody { responses["413"] = failure("The body is too large.") }
    responses["503"] = failure("The store cannot be reached.")
    for own in route.failures { responses[String(own.status.code)] = failure(own.summary) }
    return responses
  }

  private static let string: DocumentValue = ["type": "string"]

  private static func content(_ type: String, _ schema: DocumentValue) -> DocumentValue {
    .object([type: ["schema": schema]])
  }

  private static let warningsSchema: DocumentValue = [
    "type": "object", "properties": ["warnings": ["type": "array", "items": string]],
  ]

  private static let errorSchema: DocumentValue = [
    "type": "object",
    "properties": [
      "type": string, "status": ["type": "integer"], "title": string, "detail": string, "details": string,
      "invalid_parameters": list(["field": string, "reason": string]),
      "causes": list(["field": string, "message": string]),
    ],
  ]

  private static func list(_ properties: DocumentValue) -> DocumentValue {
    ["type": "array", "items": ["type": "object", "properties": properties]]
  }
}
