import HTTPService
import HTTPTypes
import MeshModel
import MeshPolicy
import OrderedCollections

/// Configuration and statistics of the proxies' Envoys. Source of paths, parameters and titles: Kuma 2.7.
struct EnvoyRoutes: Sendable {
  let context: APIContext
  let administration: any EnvoyAdministration

  var routes: [Route] {
    let path = "/meshes/{mesh}/dataplanes/{name}"
    let format = Operation.Parameter(name: "format", summary: "The form of the answer: text (when absent) or json.")
    return [
      Route(
        .get, "\(path)/xds", "Shows the configuration that a proxy's Envoy has, without tokens and keys.",
        query: [
          Operation.Parameter(name: "include_eds", summary: "Whether endpoints are shown too; false when absent.")
        ], failures: Self.failures, handler: configuration),
      Route(
        .get, "\(path)/stats", "Shows the statistics of a proxy's Envoy.", query: [format], produces: Self.textOrJSON,
        failures: Self.failures, handler: text { .statistics(asJSON: $0) }),
      Route(
        .get, "\(path)/clusters", "Shows the clusters of a proxy's Envoy and the state of their endpoints.",
        query: [format], produces: Self.textOrJSON, failures: Self.failures, handler: text { .clusters(asJSON: $0) }),
    ]
  }

  private static let textOrJSON = [MediaType.text, MediaType.json]
  private static let title = "Could not execute admin operation"

  private func configuration(_ request: RoutedRequest) async throws(APIError) -> Answer {
    // Go's values for true.
    let withEndpoints = ["1", "t", "T", "true", "TRUE", "True"].contains(request.query.first("include_eds"))
    let bytes = try await ask(.configuration(withEndpoints: withEndpoints), request)
    do {
      return .json(try DocumentValue(json: bytes).withoutEnvoySecrets)
    } catch {
      throw APIError(
        status: .badGateway, title: Self.title, detail: "Envoy's configuration is not valid JSON: \(error)")
    }
  }

  private func text(_ question: @escaping @Sendable (_ asJSON: Bool) -> EnvoyQuestion) -> Route.Handler {
    { request async throws(APIError) in
      let asJSON = request.query.first("format") == "json"
      let bytes = try await ask(question(asJSON), request)
      return Answer(type: asJSON ? MediaType.json : MediaType.text, body: bytes)
    }
  }

  private func ask(_ question: EnvoyQuestion, _ request: RoutedRequest) async throws(APIError) -> [UInt8] {
    let proxy = ProxyID(mesh: request.parameter("mesh"), name: request.parameter("name"))
    let resource = try await context.get(
      ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name), title: "Could not get dataplane resource")
    let port = resource.content(Dataplane.self)?.networking?.adminPort.flatMap { UInt16(exactly: $0) }
    do {
      return try await administration.answer(to: question, of: proxy, defaultPort: port == 0 ? nil : port)
    } catch {
      throw APIError(status: error.code.status, title: Self.title, detail: error.message)
    }
  }

  private static let failures: [(HTTPResponse.Status, String)] = [
    (.conflict, "The proxy's Envoy has no administration interface."),
    (.notImplemented, "The proxy runs on another machine, whose Envoy cannot be asked."),
    (.badGateway, "The proxy's Envoy cannot be reached, or something else answers in its place."),
    (.serviceUnavailable, "The proxy is not connected, or the store cannot be reached, or too much is asked."),
    (.gatewayTimeout, "The proxy's Envoy does not answer."),
  ]
}

extension EnvoyAdministrationError.Code {
  fileprivate var status: HTTPResponse.Status {
    switch self {
    case .notConnected, .busy: .serviceUnavailable
    case .noInterface: .conflict
    case .elsewhere: .notImplemented
    case .unreachable, .unexpectedAnswer: .badGateway
    case .timedOut: .gatewayTimeout
    }
  }
}
