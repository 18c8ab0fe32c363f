import MeshModel
import OrderedCollections

/// Something that another server of the same program does, for the description of the API, which is one for all of them.
public struct ForeignOperation: Sendable {
  /// A parameter in the query.
  public struct Parameter: Sendable {
    var name: String
    var summary: String
    var requiredExample: String?

    /// - Parameter requiredExample: a valid value of a parameter that has to be there.
    public init(name: String, summary: String, requiredExample: String?) {
      self.name = name
      self.summary = summary
      self.requiredExample = requiredExample
    }
  }

  /// A way in which it answers.
  public struct Response: Sendable {
    var status: Int
    var summary: String
    var types: [String]

    /// - Parameter types: the media types of its body; none if it has no body.
    public init(status: Int, summary: String, types: [String]) {
      self.status = status
      self.summary = summary
      self.types = types
    }
  }

  var method: String
  var path: String
  var summary: String
  var query: [Parameter]
  var accepts: [String]
  var responses: [Response]
  var servers: [String]

  /// - Parameters:
  ///   - method: the method of HTTP.
  ///   - path: the path, with parameters in braces.
  ///   - accepts: the media types of the bodies that it takes; none if it takes none.
  ///   - servers: where it is served, such as `http://127.0.0.1:9411`.
  public init(
    method: String, path: String, summary: String, query: [Parameter], accepts: [String], responses: [Response],
    servers: [String]
  ) {
    self.method = method
    self.path = path
    self.summary = summary
    self.query = query
    self.accepts = accepts
    self.responses = responses
    self.servers = servers
  }

  /// The names in the path's braces.
  private var pathParameters: [String] {
    path.split(separator: "/").filter { $0.hasPrefix("{") && $0.hasSuffix("}") }.map {
      String($0.dropFirst().dropLast())
    }
  }

  /// As OpenAPI has it.
  var operation: DocumentValue {
    let string: DocumentValue = ["type": "string"]
    var operation: DocumentValue.Object = ["summary": .string(summary)]
    operation["servers"] = .array(servers.map { ["url": .string($0)] })
    var parameters: [DocumentValue] = pathParameters.map {
      ["name": .string($0), "in": "path", "required": true, "schema": string]
    }
    parameters += query.map { parameter in
      var described: DocumentValue.Object = [
        "name": .string(parameter.name), "in": "query", "description": .string(parameter.summary), "schema": string,
      ]
      if let example = parameter.requiredExample {
        described["required"] = true
        described["example"] = .string(example)
      }
      return .object(described)
    }
    if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
    if !accepts.isEmpty { operation["requestBody"] = ["required": true, "content": Self.content(accepts)] }
    var responses: DocumentValue.Object = [:]
    for response in self.responses {
      var described: DocumentValue.Object = ["description": .string(response.summary)]
      if !response.types.isEmpty { described["content"] = Self.content(response.types) }
      responses[String(response.status)] = .object(described)
    }
    operation["responses"] = .object(responses)
    return .object(operation)
  }

  private static func content(_ types: [String]) -> DocumentValue {
    var content: DocumentValue.Object = [:]
    for type in types {
      // Lists and objects both are JSON; what is in them is said by whoever defined the format.
      let schema: DocumentValue =
        type.hasPrefix("text/")
        ? ["type": "string"] : type == MediaType.json ? [:] : ["type": "string", "format": "binary"]
      content[type] = ["schema": schema]
    }
    return .object(content)
  }
}
