import HTTPService
import HTTPTypes
import MeshModel
import MeshPolicy
import OrderedCollections

/// Proxies with their insights.
struct OverviewRoutes: Sendable {
  let context: APIContext

  /// Each list has two paths, the older and the newer one. Source: Kuma 2.7.
  var routes: [Route] {
    let query = [.name] + Operation.Parameter.paging + Operation.Parameter.proxyFilters
    let listed = "Lists proxies with their connections."
    let listedAll = "Lists the proxies of all meshes with their connections."
    let one = "Reads a proxy with its connections."
    return [
      Route(.get, "/meshes/{mesh}/dataplanes/_overview", listed, query: query, handler: list),
      Route(.get, "/meshes/{mesh}/dataplanes/{name}/_overview", one, handler: read),
      Route(.get, "/dataplanes/_overview", listedAll, query: query, handler: list),
      Route(.get, "/meshes/{mesh}/dataplanes+insights", listed, query: query, handler: list),
      Route(.get, "/meshes/{mesh}/dataplanes+insights/{name}", one, handler: read),
      Route(.get, "/dataplanes+insights", listedAll, query: query, handler: list),
    ]
  }

  private func list(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameters["mesh"].map(String.init)
    if let mesh { try await context.mesh(mesh) }
    let filter = try ResourceFilter(request, type: .dataplane)
    let proxies = try await context.list(.dataplane, mesh: mesh).filter(filter.includes)
    var insights: [ResourceKey: Resource] = [:]
    for insight in try await context.list(.dataplaneInsight, mesh: mesh) { insights[insight.key] = insight }
    return try request.listResponse(proxies) { proxy in
      Self.document(proxy, insight: insights[proxy.insightKey]?.content(DataplaneInsight.self))
    }
  }

  private func read(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    try await context.mesh(mesh)
    let title = APIContext.Title.retrieve
    let key = ResourceKey(type: .dataplane, mesh: mesh, name: request.parameter("name"))
    let proxy = try await context.get(key, title: title)
    let insight = try await context.find(proxy.insightKey, title: title)
    // A single proxy without an insight gets an empty one; a list omits the key.
    return .json(Self.document(proxy, insight: insight?.content(DataplaneInsight.self) ?? DataplaneInsight()))
  }

  private static func document(_ proxy: Resource, insight: DataplaneInsight?) -> DocumentValue {
    var object = proxy.metaDocument
    object["type"] = "DataplaneOverview"
    object["dataplane"] = .object(proxy.spec.content.document)
    if let insight { object["dataplaneInsight"] = .object(insight.document) }
    if let advice = insight?.envoyAdvice { object["envoyAdvice"] = advice.document }
    return .object(object)
  }
}

extension Resource {
  /// The key of a proxy's insight.
  var insightKey: ResourceKey { ResourceKey(type: .dataplaneInsight, mesh: mesh, name: name) }
}
