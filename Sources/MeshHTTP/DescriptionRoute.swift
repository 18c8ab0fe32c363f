import HTTPService
import HTTPTypes
package import MeshModel
import OrderedCollections

/// The description of the API in OpenAPI 3: its own operations, and those of the program's other servers.
struct DescriptionRoute: Sendable {
  /// The path of the description.
  static let path = "/openapi.yaml"

  let version: String
  /// The operations of the API, without this one.
  let operations: [Operation]
  /// The operations of the program's other servers.
  let foreign: @Sendable () -> [Operation]

  /// The route; it generates the description for each request.
  var route: Route {
    Route(.get, Self.path, "Describes the API.", produces: [MediaType.yaml]) { request in
      let description = OpenAPIDescription<DocumentValue>(
        title: "Control plane", version: version, operations: operations + [request.operation] + foreign(),
        schemas: [("Error", Self.error), ("Warnings", Self.warnings)])
      return .text(description.document.yaml(sortKeys: false), type: MediaType.yaml)
    }
  }

  private static let string: DocumentValue = ["type": "string"]

  private static let warnings: DocumentValue = [
    "type": "object", "properties": ["warnings": ["type": "array", "items": string]],
  ]

  private static let error: DocumentValue = [
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

extension DocumentValue: DescriptionValue {
  package static func object(members: [(String, DocumentValue)]) -> DocumentValue {
    .object(Object(members, uniquingKeysWith: { $1 }))
  }
}
