package import HTTPTypes

/// An operation of a server: a method and a path, declared once. Matching, the description of the API, and the names in metrics and
/// logs follow from the declaration.
package struct Operation: Sendable {
  /// A parameter in the query.
  package struct Parameter: Sendable {
    package var name: String
    /// A sentence that describes the parameter.
    package var summary: String
    /// A valid value, if the parameter is required; nil if it is optional.
    package var requiredExample: String?

    package init(name: String, summary: String, requiredExample: String? = nil) {
      self.name = name
      self.summary = summary
      self.requiredExample = requiredExample
    }
  }

  /// The schema of a body.
  package enum Schema: Sendable, Hashable {
    /// Text, bytes, a JSON object, or any JSON.
    case text, bytes, object, any
    /// A schema with a name.
    case named(String)

    /// The default schema of a media type.
    package init(ofType type: String) {
      self = type.hasPrefix("text/") ? .text : type == MediaType.json ? .any : .bytes
    }
  }

  /// A media type of a body, with its schema.
  package struct Content: Sendable {
    package var type: String
    package var schema: Schema

    package init(_ type: String, _ schema: Schema? = nil) {
      self.type = type
      self.schema = schema ?? Schema(ofType: type)
    }
  }

  /// A possible answer.
  package struct Outcome: Sendable {
    package var status: HTTPResponse.Status
    /// A sentence that says when the operation answers so.
    package var summary: String
    /// The possible bodies; empty if the answer has no body.
    package var content: [Content]

    package init(_ status: HTTPResponse.Status, _ summary: String, _ content: [Content] = []) {
      self.status = status
      self.summary = summary
      self.content = content
    }
  }

  /// The method.
  package let method: HTTPRequest.Method
  /// The path, with parameters in braces: `/meshes/{mesh}`. The last parameter may match the rest of a path: `/gui/{rest...}`.
  package let path: String
  /// A sentence that describes the operation.
  package var summary: String
  /// The parameters of the query.
  package var query: [Parameter]
  /// The possible bodies of a request; empty if it has no body.
  package var accepts: [Content]
  /// The possible answers.
  package var outcomes: [Outcome]
  /// Whether a path with a trailing slash is a different path.
  package var isExact: Bool
  /// The addresses of the servers, such as `http://127.0.0.1:9411`; empty for the server of the description.
  package var servers: [String] = []

  /// The names of the path's parameters, in their order.
  package let pathParameters: [String]
  /// The name in metrics and logs: `GET /meshes/{mesh}`.
  package let name: String

  package init(
    _ method: HTTPRequest.Method, _ path: String, _ summary: String, query: [Parameter] = [], accepts: [Content] = [],
    outcomes: [Outcome] = [], isExact: Bool = false
  ) {
    self.method = method
    self.path = path
    self.summary = summary
    self.query = query
    self.accepts = accepts
    self.outcomes = outcomes
    self.isExact = isExact
    name = "\(method.rawValue) \(path)"
    pathParameters = path.split(separator: "/").compactMap { segment in
      guard segment.hasPrefix("{"), segment.hasSuffix("}") else { return nil }
      return String(segment.dropFirst().dropLast()).replacing("...", with: "")
    }
  }
}
