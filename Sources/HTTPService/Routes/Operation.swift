package import HTTPTypes

/// Something that a server does: a method and a path, declared once. From the declaration follow how requests are matched, what
/// the description of the API says, and what metrics and logs call it.
package struct Operation: Sendable {
  /// A parameter in the query.
  package struct Parameter: Sendable {
    package var name: String
    /// What it does, in a sentence.
    package var summary: String
    /// A valid value of a parameter that is required; nil for one that may be absent.
    package var requiredExample: String?

    package init(name: String, summary: String, requiredExample: String? = nil) {
      self.name = name
      self.summary = summary
      self.requiredExample = requiredExample
    }
  }

  /// What a body is.
  package enum Schema: Sendable, Hashable {
    /// Text, bytes, a JSON object, or any JSON.
    case text, bytes, object, any
    /// A schema with a name.
    case named(String)

    /// What bodies of a media type are if nothing else is known. Lists and objects both are JSON; what is in them is defined by
    /// whoever defined the format.
    package init(ofType type: String) {
      self = type.hasPrefix("text/") ? .text : type == MediaType.json ? .any : .bytes
    }
  }

  /// A media type of a body, and what the body then is.
  package struct Content: Sendable {
    package var type: String
    package var schema: Schema

    package init(_ type: String, _ schema: Schema? = nil) {
      self.type = type
      self.schema = schema ?? Schema(ofType: type)
    }
  }

  /// A way in which it answers.
  package struct Outcome: Sendable {
    package var status: HTTPResponse.Status
    /// When it answers so, in a sentence.
    package var summary: String
    /// The bodies of such an answer; empty if it has none.
    package var content: [Content]

    package init(_ status: HTTPResponse.Status, _ summary: String, _ content: [Content] = []) {
      self.status = status
      self.summary = summary
      self.content = content
    }
  }

  /// The method.
  package let method: HTTPRequest.Method
  /// The path, with parameters in braces: `/meshes/{mesh}`. The last one may take all the rest of a path: `/gui/{rest...}`.
  package let path: String
  /// What it does, in a sentence.
  package var summary: String
  /// The parameters of the query that it knows.
  package var query: [Parameter]
  /// The bodies that it takes; empty if it takes none.
  package var accepts: [Content]
  /// How it answers.
  package var outcomes: [Outcome]
  /// Whether a slash at the end of the path makes another path; otherwise it counts for nothing.
  package var isExact: Bool
  /// Where it is served, such as `http://127.0.0.1:9411`; empty for where the description is.
  package var servers: [String] = []

  /// The names of the path's parameters, in their order.
  package let pathParameters: [String]
  /// The operation as metrics and logs name it: `GET /meshes/{mesh}`.
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
