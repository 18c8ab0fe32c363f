import HTTPService
import HTTPTypes
import JSONText
package import TraceModel

extension CollectorAPI {
  /// What the page asks about meshes. The collector itself knows of none: the program around it answers.
  package struct MeshQueries: Sendable {
    /// Returns the names of all meshes, in their order.
    package var names: @Sendable () async -> Result<[String], CollectorError>
    /// Returns, as JSON, whether the spans of a mesh's proxies arrive, and if not, why. It gets the name of the mesh and parameters
    /// with the names of ``proxyFilters``.
    package var tracing:
      @Sendable (_ mesh: String, _ parameters: [(name: String, value: String)]) async -> Result<[UInt8], CollectorError>

    /// Joins the two.
    package init(
      names: @escaping @Sendable () async -> Result<[String], CollectorError>,
      tracing:
        @escaping @Sendable (_ mesh: String, _ parameters: [(name: String, value: String)]) async -> Result<
          [UInt8], CollectorError
        >
    ) {
      self.names = names
      self.tracing = tracing
    }
  }

  /// The parameters that choose which proxies of a mesh are listed.
  private static let proxyFilters = [
    Operation.Parameter(name: "name", summary: "Part of the name of a proxy."),
    Operation.Parameter(name: "service", summary: "A service that the proxy offers."),
    Operation.Parameter(name: "cause", summary: "The cause of the verdict: its name, such as no-policy, or number."),
    Operation.Parameter(name: "notTraced", summary: "true: only proxies whose verdict is other than fine."),
    Operation.Parameter(name: "size", summary: "The largest number of proxies; 100 when absent."),
    Operation.Parameter(name: "offset", summary: "How many proxies are left out at the beginning."),
  ]

  /// Paths about meshes.
  static let meshRoutes: [CollectorRoute] = [
    meshRoute("/api/meshes", "Names the meshes of the control plane that runs the collector.", CollectorAPI.meshNames),
    meshRoute(
      "/api/mesh",
      "Says whether the spans of a mesh's proxies arrive, and if not, why, as /meshes/{mesh}/_tracing of the control plane does.",
      query: [.init(name: "mesh", summary: "The mesh.", requiredExample: "default")] + proxyFilters,
      CollectorAPI.meshTracing),
  ]

  /// A question that only a collector with a control plane answers.
  private static func meshRoute(
    _ path: String, _ summary: String, query: [Operation.Parameter] = [], _ handler: @escaping CollectorRoute.Handler
  ) -> CollectorRoute {
    var route = CollectorRoute.get(path, summary, query: query, handler)
    route.operation.outcomes.append(
      CollectorRoute.sentence(.notFound, "There is no control plane, or it has no such mesh."))
    return route
  }

  private func meshNames(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let names = try await meshQueries().names().get()
    return .json { json in
      json.beginObject()
      json.key("meshes")
      json.strings(names)
      json.endObject()
    }
  }

  private func meshTracing(_ request: RoutedRequest) async throws(CollectorError) -> Answer {
    let mesh = try request.query.required("mesh")
    let queries = try meshQueries()
    let parameters = Self.proxyFilters.compactMap { filter in
      request.query[filter.name].map { (name: filter.name, value: $0) }
    }
    return Answer(type: MediaType.json, body: try await queries.tracing(mesh, parameters).get())
  }

  private func meshQueries() throws(CollectorError) -> MeshQueries {
    guard let queries = settings.meshes else {
      throw CollectorError(
        code: .notFound,
        message: "this collector runs without a control plane, so it knows of no mesh; kuma-cp run has both")
    }
    return queries
  }
}
