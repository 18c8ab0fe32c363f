import HTTPService
import MeshModel

/// The filter of a list of resources. Source: Kuma 2.7.
struct ResourceFilter: Sendable {
  private var name: String
  private var tags: [(name: String, part: String)] = []
  private var gateway: GatewayFilter?

  private enum GatewayFilter: String {
    case any = "true"
    case none = "false"
    case builtin
    case delegated
  }

  /// Parses the filters of a type's lists.
  init(_ request: RoutedRequest, type: ResourceType) throws(APIError) {
    name = request.query.first("name") ?? ""
    guard type == .dataplane else { return }
    for text in request.query.all("tag") {
      // Values may contain colons. A text without a colon is ignored.
      guard let colon = text.firstIndex(of: ":") else { continue }
      tags.append((String(text[..<colon]), String(text[text.index(after: colon)...])))
    }
    guard let text = request.query.first("gateway"), !text.isEmpty else { return }
    guard let filter = GatewayFilter(rawValue: text.lowercased()) else {
      // The misspelling is Kuma's, whose clients may know it.
      throw .invalid(
        [
          Violation(
            field: "\(request.operation.path).gateway",
            message: "shoud use `true`, `false`, 'builtin' or 'delegated' instead of \(text)")
        ], title: APIContext.Title.retrieveList)
    }
    gateway = filter
  }

  /// Whether more than a name is asked for.
  var isNarrow: Bool { !tags.isEmpty || gateway != nil }

  /// Whether a resource passes the filter.
  func includes(_ resource: Resource) -> Bool {
    guard name.isEmpty || resource.name.contains(name) else { return false }
    guard let dataplane = resource.content(Dataplane.self) else { return true }
    guard includes(dataplane.networking?.gateway) else { return false }
    return tags.isEmpty
      || dataplane.tagSets.contains { set in
        tags.allSatisfy { tag in set[tag.name].map { tag.part.isEmpty || $0.contains(tag.part) } ?? false }
      }
  }

  private func includes(_ gateway: Dataplane.Gateway?) -> Bool {
    switch self.gateway {
    case nil: true
    case .any: gateway != nil
    case .none?: gateway == nil
    case .builtin: gateway?.isBuiltin == true
    case .delegated: gateway?.isBuiltin == false
    }
  }
}
