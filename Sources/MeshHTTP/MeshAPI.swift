public import HTTPTypes
public import MeshModel
public import MeshStore

/// The HTTP API of the control plane, without a transport: requests in, answers out.
///
/// Paths, statuses and bodies are those of Kuma 2.7; warnings in the answers to writes, `_warnings`, `_tracing`,
/// `/_dry-run` and `/openapi.yaml` are additions.
public final class MeshAPI: Sendable {
  private let configuration: APIConfiguration
  private let table: RouteTable

  /// Makes the API.
  ///
  /// - Parameters:
  ///   - store: keeps the resources.
  ///   - configuration: what the API tells about the control plane.
  ///   - inspection: knows which policy applies to which proxy.
  ///   - administration: asks proxies' Envoys.
  ///   - foreign: what other servers of the program do, for the description of the API.
  ///   - now: the clock.
  public init(
    store: any ResourceStore, configuration: APIConfiguration, inspection: any ProxyInspecting,
    administration: any EnvoyAdministration, foreign: @escaping @Sendable () -> [ForeignOperation] = { [] },
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.configuration = configuration
    let context = APIContext(store: store, inspection: inspection, configuration: configuration, now: now)
    var routes = ServerRoutes(context: context).routes
    for type in [ResourceType.mesh, .trafficTrace, .dataplane, .dataplaneInsight] {
      routes += ResourceRoutes(context: context, type: type).routes
    }
    routes += OverviewRoutes(context: context).routes
    routes += InspectionRoutes(context: context).routes
    routes += EnvoyRoutes(context: context, administration: administration).routes
    routes += InsightRoutes(context: context).routes
    routes += DryRunRoutes(context: context).routes
    routes.append(GuideRoute(foreign: foreign).route)
    table = RouteTable(routes: routes + [Self.description(of: routes, version: configuration.version, foreign)])
  }

  /// The route that describes the others and itself. The description is made when it is asked for.
  private static func description(
    of routes: [Route], version: String, _ foreign: @escaping @Sendable () -> [ForeignOperation]
  ) -> Route {
    Route(.get, "/openapi.yaml", "Describes the API.", produces: [MediaType.yaml]) { _ in
      let all = routes + [description(of: routes, version: version, foreign)]
      let text = OpenAPIDocument(routes: all, version: version, foreign: foreign()).document.yaml(sortKeys: false)
      return APIResponse(status: .ok, contentType: MediaType.yaml, body: Array(text.utf8))
    }
  }

  /// The largest body accepted, in bytes, so that a transport need not read more.
  public var bodyLimit: Int { configuration.bodyLimit }

  /// Answers a request.
  ///
  /// - Parameters:
  ///   - request: the request; its `authority` is the host under which the client reached the server.
  ///   - body: the whole body; a transport that stopped reading it at more than ``bodyLimit`` passes what it has.
  /// - Returns: the answer and its body. The body of an answer to HEAD is empty.
  public func respond(to request: HTTPRequest, body: [UInt8]) async -> (HTTPResponse, [UInt8]) {
    let (response, content) = await answer(request, body).message
    return (response, request.method == .head ? [] : content)
  }

  private func answer(_ request: HTTPRequest, _ body: [UInt8]) async -> APIResponse {
    guard let target = RequestTarget(request.path ?? "") else {
      return .text("400: Bad Request", status: .badRequest)
    }
    if let moved = target.moved { return .moved(to: moved, method: request.method) }
    switch table.match(request.method, target.segments) {
    case .none: return .text("404: Page Not Found", status: .notFound)
    case .otherMethods(let methods):
      var response = APIResponse.text("405: Method Not Allowed", status: .methodNotAllowed)
      response.allowed = methods
      return response
    case .found(let route, let parameters):
      if let refusal = refusal(of: request, body, by: route) { return refusal }
      do throws(APIError) {
        return try await route.handler(
          APIRequest(
            path: target.path, parameters: parameters, query: target.query, body: body, base: request.base,
            pattern: route.pattern))
      } catch {
        return error.response
      }
    }
  }

  /// The answer to a request that does not reach its handler.
  private func refusal(of request: HTTPRequest, _ body: [UInt8], by route: Route) -> APIResponse? {
    let headers = request.headerFields
    guard MediaType.accepts(contentType: headers[.contentType], needsBody: route.needsBody) else {
      return .text("415: Unsupported Media Type", status: .unsupportedMediaType)
    }
    guard MediaType.matches(accept: headers[.accept], produced: route.produces) else {
      let types = route.produces.joined(separator: ", ")
      return .text("406: Not Acceptable\n\nAvailable representations: \(types)", status: .notAcceptable)
    }
    if configuration.isReadOnly, route.isWrite {
      return APIError(
        status: .methodNotAllowed, title: "Method not Allowed",
        detail: "This control plane is read-only: resources cannot be changed over its HTTP API."
      ).response
    }
    if body.count > configuration.bodyLimit {
      return APIError(
        status: .contentTooLarge, title: "Content Too Large",
        detail: "The body is larger than the limit of \(configuration.bodyLimit) bytes."
      ).response
    }
    return nil
  }
}
