import HTTPService
import HTTPTypes

/// The paths of the diagnostics server.
struct DiagnosticsAPI: Sendable {
  /// Why the control plane is not ready yet; empty when it is.
  var obstacles: @Sendable () async -> [String]
  /// What does not work although the control plane is ready; `nil` when everything works.
  var remark: @Sendable () -> String?
  /// All metrics in Prometheus' text format.
  var metrics: @Sendable () async -> String

  private typealias Handler = @Sendable (DiagnosticsAPI) async -> Answer

  private static let routes: [(operation: Operation, handler: Handler)] = [
    (
      Operation(.get, "/ready", "Tells whether the control plane is ready, and if not, why."),
      { await $0.readiness() }
    ),
    (Operation(.get, "/healthy", "Tells that the control plane runs."), { _ in .text("OK\n") }),
    (
      Operation(.get, "/metrics", "Returns all metrics in Prometheus' text format."),
      { .text(await $0.metrics(), type: MediaType.prometheus) }
    ),
  ]

  private static let router = Router(routes.map(\.operation), headIsGet: true)

  /// The names of all operations.
  static let operationNames = routes.map(\.operation.name)

  /// The name of the operation that a request would run; nil if it runs none.
  static func operation(of request: HTTPRequest) -> String? {
    guard case .found(let index, _) = router.match(request.method, request.plainPath) else { return nil }
    return routes[index].operation.name
  }

  func respond(to request: HTTPRequest) async -> Answer {
    guard request.method == .get || request.method == .head else {
      return .text("Only GET is allowed here.\n", .methodNotAllowed)
    }
    guard case .found(let index, _) = Self.router.match(request.method, request.plainPath) else {
      let paths = Self.routes.map(\.operation.path)
      let list = "\(paths.dropLast().joined(separator: ", ")) and \(paths.last ?? "")"
      return .text("Not found. This server has \(list).\n", .notFound)
    }
    let (operation, handler) = Self.routes[index]
    var answer = await handler(self)
    answer.operation = operation.name
    return answer
  }

  private func readiness() async -> Answer {
    let obstacles = await obstacles()
    guard !obstacles.isEmpty else { return .text("OK\n" + (remark().map { "\($0)\n" } ?? "")) }
    return .text("not ready: \(obstacles.joined(separator: "; "))\n", .serviceUnavailable)
  }
}
