import HTTPService
import HTTPTypes
import MeshModel
import MeshStore

/// Routes that read and write resources of one type.
struct ResourceRoutes: Sendable {
  let context: APIContext
  let type: ResourceType

  /// The routes of the type: lists, one resource, and writes if users may write the type.
  var routes: [Route] {
    let segment = type.pathSegment
    let collection = type.isMeshScoped ? "/meshes/{mesh}/\(segment)" : "/\(segment)"
    let item = "\(collection)/{\(parameter)}"
    let filters = [.name] + Operation.Parameter.paging + (type == .dataplane ? Operation.Parameter.proxyFilters : [])
    let query = filters + [.format]
    var routes = [
      Route(.get, collection, "Lists the \(type.rawValue) resources\(omission).", query: query, handler: list),
      Route(.get, item, "Reads a \(type.rawValue)\(omission).", query: [.format], handler: read),
    ]
    if type.isUserWritten {
      routes.append(Route(.put, item, "Creates or replaces a \(type.rawValue).", handler: write))
      routes.append(Route(.delete, item, "Deletes a \(type.rawValue).", handler: delete))
    }
    if type.isMeshScoped {
      routes.append(
        Route(
          .get, "/\(segment)", "Lists the \(type.rawValue) resources of all meshes\(omission).", query: query,
          handler: list))
    }
    return routes
  }

  /// What is left out of answers, for the description of the API.
  private var omission: String { type.isSecret ? ", without their data" : "" }

  /// The parameter of the path with the name.
  private var parameter: String { type == .mesh ? "mesh" : "name" }

  /// The key of the resource in the request's path.
  func key(_ request: RoutedRequest) -> ResourceKey {
    ResourceKey(
      type: type, mesh: type.isMeshScoped ? request.parameter("mesh") : "", name: request.parameter(parameter))
  }

  private func list(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameters["mesh"].map(String.init)
    if let mesh { try await context.mesh(mesh) }
    let form = try request.form
    let filter = try ResourceFilter(request, type: type)
    let items = try await context.list(type, mesh: mesh).filter(filter.includes)
    return try request.listResponse(items) { document($0, form) }
  }

  private func read(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let key = key(request)
    if type.isMeshScoped { try await context.mesh(key.mesh) }
    let form = try request.form
    return .json(document(try await context.get(key, title: APIContext.Title.retrieve), form))
  }

  /// The resource in one of its forms, without what is secret. A resource that is kept in a cluster is shown as it is stored there.
  private func document(_ resource: Resource, _ form: ResourceDocument.Form) -> DocumentValue {
    if form == .kubernetes, !type.isSecret, let stored = context.configuration.object(resource.key) {
      return type == .mesh ? Redaction.masked(stored) : stored
    }
    return resource.redacted.document(form)
  }

  private func delete(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let key = key(request)
    if type.isMeshScoped { try await context.mesh(key.mesh) }
    do {
      try await context.store.delete(key)
    } catch {
      throw APIError(error, title: APIContext.Title.delete, mesh: key.mesh)
    }
    return Answer()
  }
}

extension RoutedRequest {
  /// The requested format of the answer.
  var form: ResourceDocument.Form {
    get throws(APIError) {
      switch query.first("format") {
      case nil, "", "universal": return .universal
      case "kubernetes", "k8s": return .kubernetes
      default:
        let message = #""format" must be one of ["k8s", "kubernetes", "universal"]"#
        throw .invalid([Violation(field: "", message: message)], title: "invalid format")
      }
    }
  }
}
