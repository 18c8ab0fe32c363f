import HTTPService
import HTTPTypes
import MeshModel

/// An operation of the API with its handler.
struct Route: Sendable {
  /// Does it.
  typealias Handler = @Sendable (RoutedRequest) async throws(APIError) -> Answer

  /// The declaration, from which matching, the description of the API and metrics follow.
  let operation: Operation
  /// The media types of its answers.
  let produces: [String]
  /// Whether it writes.
  let isWrite: Bool
  /// Does it.
  let handler: Handler

  /// Declares a route.
  ///
  /// - Parameters:
  ///   - path: the path, with parameters in braces: `/meshes/{mesh}`.
  ///   - summary: what it does, in a sentence.
  ///   - isWrite: whether it writes; `nil` if the method decides.
  ///   - failures: its own failures, in addition to those of its kind of route.
  init(
    _ method: HTTPRequest.Method, _ path: String, _ summary: String, query: [Operation.Parameter] = [],
    produces: [String] = [MediaType.json], isWrite: Bool? = nil, failures: [(HTTPResponse.Status, String)] = [],
    handler: @escaping Handler
  ) {
    let needsBody = method == .put || method == .post || method == .patch
    self.produces = produces
    self.isWrite = isWrite ?? (needsBody || method == .delete)
    self.handler = handler
    var outcomes = Self.successes(method, produces)
    func add(_ status: HTTPResponse.Status, _ summary: String) {
      let outcome = Operation.Outcome(status, summary, [Operation.Content(MediaType.json, .named("Error"))])
      if let known = outcomes.firstIndex(where: { $0.status == status }) {
        outcomes[known] = outcome
      } else {
        outcomes.append(outcome)
      }
    }
    if needsBody || self.isWrite || !query.isEmpty { add(.badRequest, "A rule is broken.") }
    if needsBody || path.contains("{") { add(.notFound, "There is no such thing.") }
    if self.isWrite { add(.methodNotAllowed, "The control plane is read-only.") }
    if needsBody, self.isWrite {
      add(.conflict, "Somebody else created and deleted the resource at the same time.")
    }
    if needsBody { add(.contentTooLarge, "The body is too large.") }
    add(.unauthorized, "The client has to show who it is, or what it shows does not count.")
    add(.forbidden, "The client may not do it.")
    add(.serviceUnavailable, "The store cannot be reached.")
    for (status, summary) in failures { add(status, summary) }
    operation = Operation(
      method, path, summary, query: query,
      accepts: needsBody ? [Operation.Content(MediaType.json, .object)] : [], outcomes: outcomes)
  }

  private static func successes(_ method: HTTPRequest.Method, _ produces: [String]) -> [Operation.Outcome] {
    switch method {
    case .put:
      let summary = "Done; a body is there only when there are warnings."
      return [.ok, .created].map {
        Operation.Outcome($0, summary, [Operation.Content(MediaType.json, .named("Warnings"))])
      }
    case .delete: return [Operation.Outcome(.ok, "Deleted.")]
    default:
      let content = produces.map { Operation.Content($0, $0 == MediaType.text ? .text : .object) }
      return [Operation.Outcome(.ok, "The answer.", content)]
    }
  }
}

extension Operation.Parameter {
  static let name = Self(name: "name", summary: "Only items whose name contains the text.")
  static let paging = [
    Self(name: "size", summary: "Items on a page, at most 1000; 0 for all. 100 when absent."),
    Self(name: "offset", summary: "Where the page begins, as given by the page before."),
  ]
  static let format = Self(
    name: "format", summary: "The form of the answer: universal (when absent), kubernetes or k8s.")
  static let proxyFilters = [
    Self(name: "tag", summary: "Only proxies with an inbound tag name:part; may be repeated."),
    Self(name: "gateway", summary: "Only gateways (true, builtin, delegated) or none of them (false)."),
  ]
}
