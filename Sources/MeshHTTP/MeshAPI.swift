public import HTTPService
public import HTTPTypes
package import MeshAccess
package import MeshModel
package import MeshStore

/// The HTTP API of the control plane without a transport: requests in, answers out.
///
/// Paths, statuses and bodies are those of Kuma 2.7. Warnings in the answers to writes, `_warnings`, `_tracing`,
/// `/_dry-run` and `/openapi.yaml` are additions.
public final class MeshAPI: Sendable {
  private let configuration: APIConfiguration
  private let routes: [Route]
  private let router: Router

  /// Makes the API.
  ///
  /// - Parameters:
  ///   - store: stores the resources.
  ///   - configuration: the configuration of the API.
  ///   - inspection: knows which policy applies to which proxy.
  ///   - administration: queries the proxies' Envoys.
  ///   - diagnoses: knows whether the spans of proxies arrive.
  ///   - tokens: issues tokens; `nil` if the control plane issues none.
  ///   - foreign: the operations of the program's other servers, for the description of the API.
  ///   - now: the clock.
  package init(
    store: any ResourceStore, configuration: APIConfiguration, inspection: any ProxyInspecting,
    administration: any EnvoyAdministration, diagnoses: any TracingDiagnosing, tokens: (any TokenIssuing)? = nil,
    foreign: @escaping @Sendable () -> [Operation] = { [] },
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.configuration = configuration
    let context = APIContext(store: store, inspection: inspection, configuration: configuration, now: now)
    var routes = ServerRoutes(context: context).routes
    for type in ResourceType.allCases {
      routes += ResourceRoutes(context: context, type: type).routes
    }
    routes += OverviewRoutes(context: context).routes
    routes += InspectionRoutes(context: context).routes
    routes +=
      TracingRoutes(
        context: context, administration: administration, diagnoses: diagnoses, foreign: foreign
      ).routes
    routes += EnvoyRoutes(context: context, administration: administration).routes
    routes += InsightRoutes(context: context).routes
    routes += DryRunRoutes(context: context).routes
    routes += TokenRoutes(issuer: tokens).routes
    routes.append(GuideRoute(foreign: foreign).route)
    let description = DescriptionRoute(
      version: configuration.version, operations: routes.map(\.operation), foreign: foreign)
    self.routes = routes + [description.route]
    router = Router(self.routes.map(\.operation), headIsGet: false)
  }

  /// The size limit of a body, in bytes; a transport need not read more.
  public var bodyLimit: Int { configuration.bodyLimit }

  /// All operations, for the description of what each needs.
  package var operations: [Operation] { routes.map(\.operation) }

  /// The name of the operation that a request would run; nil if it runs none.
  package func operation(of request: HTTPRequest) -> String? {
    guard let target = PathTarget(request.path ?? ""), target.moved == nil,
      case .found(let index, _) = router.match(request.method, target.path)
    else { return nil }
    return routes[index].operation.name
  }

  /// Answers a request.
  ///
  /// - Parameters:
  ///   - request: the request; its `authority` is the host under which the client reached the server.
  ///   - body: the whole body; a transport that stopped reading it at more than ``bodyLimit`` passes what it has.
  ///   - caller: who sent it, as the server found.
  /// - Returns: the answer. The body of an answer to HEAD is empty.
  public func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller = .local) async -> Answer {
    var answer = await answer(request, body, caller)
    if request.method == .head { answer.body = [] }
    return answer
  }

  private func answer(_ request: HTTPRequest, _ body: [UInt8], _ caller: Caller) async -> Answer {
    guard let target = PathTarget(request.path ?? "") else { return .text("400: Bad Request", .badRequest) }
    if let moved = target.moved { return .moved(to: moved, method: request.method) }
    switch router.match(request.method, target.path) {
    case .none: return .text("404: Page Not Found", .notFound)
    case .otherMethods(let methods):
      var answer = Answer.text("405: Method Not Allowed", .methodNotAllowed)
      answer.fields[.allow] = methods
      return answer
    case .found(let index, let parameters):
      let route = routes[index]
      var answer: Answer
      if let refusal = refusal(of: request, body, by: route) {
        answer = refusal
      } else {
        do throws(APIError) {
          answer = try await route.handler(
            RoutedRequest(
              request, path: target.path, operation: route.operation, parameters: parameters, query: target.query,
              body: body, caller: caller))
        } catch {
          answer = error.answer
        }
      }
      answer.operation = route.operation.name
      return answer
    }
  }

  /// The answer to a request that does not reach its handler. The accepted media types follow Kuma 2.7.
  private func refusal(of request: HTTPRequest, _ body: [UInt8], by route: Route) -> Answer? {
    let headers = request.headerFields
    let needsBody = !route.operation.accepts.isEmpty
    let type = headers[.contentType] ?? ""
    guard type.isEmpty ? !needsBody : MediaType.list(type, containsAnyOf: [MediaType.json]) else {
      return .text("415: Unsupported Media Type", .unsupportedMediaType)
    }
    if let types = headers[.accept], !types.isEmpty,
      !MediaType.list(types, containsAnyOf: route.produces, anything: "*/*")
    {
      let known = route.produces.joined(separator: ", ")
      return .text("406: Not Acceptable\n\nAvailable representations: \(known)", .notAcceptable)
    }
    if configuration.isReadOnly, route.isWrite {
      return APIError(
        status: .methodNotAllowed, title: "Method not Allowed",
        detail: configuration.readOnlyReason
      ).answer
    }
    if body.count > configuration.bodyLimit {
      return APIError(
        status: .contentTooLarge, title: "Content Too Large",
        detail: "The body is larger than the limit of \(configuration.bodyLimit) bytes."
      ).answer
    }
    return nil
  }
}
