import HTTPTypes

/// One thing that the API does.
struct Route: Sendable {
  /// Does it.
  typealias Handler = @Sendable (APIRequest) async throws(APIError) -> APIResponse

  /// The method.
  var method: HTTPRequest.Method
  /// The path, with parameters in braces: `/meshes/{mesh}`.
  var pattern: String
  /// What it does, in a sentence; shown in the description of the API.
  var summary: String
  /// The parameters of the query that it knows.
  var query: [QueryParameter]
  /// The media types of its answers.
  var produces: [String]
  /// Whether it changes something; what its method says where nothing else is said.
  var isWrite: Bool
  /// Failures of its own, beside those that follow from what kind of route it is.
  var failures: [Failure]
  /// Does it.
  var handler: Handler
  /// The pattern taken apart.
  let segments: [Segment]

  /// A way in which a route can fail, for the description of the API.
  struct Failure: Sendable {
    var status: HTTPResponse.Status
    var summary: String
  }

  /// A part of a path.
  enum Segment: Sendable, Hashable {
    /// Exactly this text.
    case literal(String)
    /// Any text, under a name.
    case parameter(String)
  }

  init(
    _ method: HTTPRequest.Method, _ pattern: String, _ summary: String, query: [QueryParameter] = [],
    produces: [String] = [MediaType.json], isWrite: Bool? = nil, failures: [Failure] = [], handler: @escaping Handler
  ) {
    self.method = method
    self.pattern = pattern
    self.summary = summary
    self.query = query
    self.produces = produces
    self.isWrite = isWrite ?? (method == .put || method == .delete || method == .post || method == .patch)
    self.failures = failures
    self.handler = handler
    segments = pattern.split(separator: "/").map { part in
      part.hasPrefix("{") && part.hasSuffix("}")
        ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
    }
  }

  /// Whether the route reads a body.
  var needsBody: Bool { method == .put || method == .post || method == .patch }

  /// The values of the parameters when a path matches; `nil` when it does not.
  func match(_ path: [String]) -> [String: String]? {
    guard path.count == segments.count else { return nil }
    var values: [String: String] = [:]
    for (segment, text) in zip(segments, path) {
      switch segment {
      case .literal(let expected): if text != expected { return nil }
      case .parameter(let name):
        if text.isEmpty { return nil }
        values[name] = text
      }
    }
    return values
  }
}

/// A parameter of a query, for the description of the API.
struct QueryParameter: Sendable {
  var name: String
  var summary: String

  static let name = QueryParameter(name: "name", summary: "Only items whose name contains the text.")
  static let paging = [
    QueryParameter(name: "size", summary: "Items on a page, at most 1000; 0 for all. 100 when absent."),
    QueryParameter(name: "offset", summary: "Where the page begins, as given by the page before."),
  ]
  static let format = QueryParameter(
    name: "format", summary: "The form of the answer: universal (when absent), kubernetes or k8s.")
  static let proxyFilters = [
    QueryParameter(name: "tag", summary: "Only proxies with an inbound tag name:part; may be repeated."),
    QueryParameter(name: "gateway", summary: "Only gateways (true, builtin, delegated) or none of them (false)."),
  ]
}

/// All routes of the API. Everything that depends on them is derived from here.
struct RouteTable: Sendable {
  /// The routes, in the order in which the description lists them.
  let routes: [Route]

  /// What a method and a path lead to.
  enum Match: Sendable {
    /// A route with its parameters.
    case found(Route, parameters: [String: String])
    /// The path is known, but not with this method.
    case otherMethods(Set<HTTPRequest.Method>)
    /// The path is not known.
    case none
  }

  /// Finds the route of a request. Where several patterns match, the one with the earliest literal segment is meant:
  /// `/dataplanes/_overview` is no proxy of that name.
  func match(_ method: HTTPRequest.Method, _ path: [String]) -> Match {
    let matching = routes.compactMap { route in route.match(path).map { (route: route, parameters: $0) } }
    let candidates = matching.sorted { Self.isMoreSpecific($0.route, $1.route) }
    if let best = candidates.first(where: { $0.route.method == method }) {
      return .found(best.route, parameters: best.parameters)
    }
    return candidates.isEmpty ? .none : .otherMethods(Set(candidates.map(\.route.method)))
  }

  private static func isMoreSpecific(_ a: Route, _ b: Route) -> Bool {
    for (x, y) in zip(a.segments, b.segments) {
      switch (x, y) {
      case (.literal, .parameter): return true
      case (.parameter, .literal): return false
      default: continue
      }
    }
    return false
  }
}
