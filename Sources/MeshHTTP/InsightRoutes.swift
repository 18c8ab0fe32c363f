import HTTPService
import HTTPTypes
import MeshModel
import OrderedCollections

/// Summaries of meshes, services and all resources, computed for each request.
struct InsightRoutes: Sendable {
  let context: APIContext

  var routes: [Route] {
    let query = [.name] + Operation.Parameter.paging
    return [
      Route(.get, "/mesh-insights", "Lists summaries of the meshes.", query: query, handler: meshes),
      Route(.get, "/mesh-insights/{mesh}", "Reads the summary of a mesh.", handler: mesh),
      Route(.get, "/meshes/{mesh}/service-insights", "Lists a mesh's services.", query: query, handler: services),
      Route(.get, "/service-insights", "Lists the services of all meshes.", query: query, handler: services),
      Route(.get, "/meshes/{mesh}/service-insights/{name}", "Reads the summary of a service.", handler: service),
      Route(.get, "/global-insights", "Counts the resources of each type.", handler: resources),
      Route(.get, "/global-insight", "Counts meshes, proxies, services and policies.", handler: global),
    ]
  }

  private func meshes(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let filter = try ResourceFilter(request, type: .mesh)
    let summaries = try await summaries(of: nil).filter { filter.includes($0.mesh) }
    return try request.listResponse(summaries, \.document)
  }

  private func mesh(_ request: RoutedRequest) async throws(APIError) -> Answer {
    guard let summary = try await summaries(of: request.parameter("mesh")).first else {
      throw .notFound(APIContext.Title.retrieve)
    }
    return .json(summary.document)
  }

  private func services(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameters["mesh"].map(String.init)
    if let mesh { try await context.mesh(mesh) }
    let part = request.query.first("name") ?? ""
    let items = try await summaries(of: mesh).flatMap { summary in
      summary.services.filter { part.isEmpty || $0.key.contains(part) }.sorted { $0.key < $1.key }
        .map { summary.document(ofService: $0.key, $0.value) }
    }
    return try request.listResponse(items) { $0 }
  }

  private func service(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    let name = request.parameter("name")
    try await context.mesh(mesh)
    guard let summary = try await summaries(of: mesh).first, let service = summary.services[name] else {
      throw .notFound(APIContext.Title.retrieve)
    }
    return .json(summary.document(ofService: name, service))
  }

  private func resources(_ request: RoutedRequest) async throws(APIError) -> Answer {
    .json([
      "type": "GlobalInsights", "creationTime": .string(context.now().description),
      "resources": .object(try await resourceCounts()),
    ])
  }

  private func resourceCounts() async throws(APIError) -> DocumentValue.Object {
    var counts: DocumentValue.Object = [:]
    for type in ResourceType.allCases.sorted() where !type.isSecret {
      let count = try await context.list(type, mesh: nil).count
      counts[type.rawValue] = ["total": .integer(Int64(count))]
    }
    return counts
  }

  private func global(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let summaries = try await summaries(of: nil)
    let counts = try await resourceCounts()
    let services = summaries.flatMap(\.services.values)
    func proxies(_ part: (MeshSummary) -> ProxyCounts) -> DocumentValue {
      summaries.map(part).reduce(into: ProxyCounts()) { $0.add($1) }.fullDocument
    }
    func count(_ isGateway: Bool) -> DocumentValue {
      var counts = ProxyCounts()
      for service in services where service.isGateway == isGateway {
        switch service.status {
        case "online": counts.add(.online)
        case "offline": counts.add(.offline)
        default: counts.add(.partiallyDegraded)
        }
      }
      return counts.fullDocument
    }
    let none: DocumentValue = ["online": 0, "total": 0]
    return .json([
      "createdAt": .string(context.now().description), "resources": .object(counts),
      "meshes": ["total": .integer(Int64(summaries.count))],
      "dataplanes": [
        "standard": proxies(\.sidecars), "gatewayBuiltin": proxies(\.builtinGateways),
        "gatewayDelegated": proxies(\.delegatedGateways),
      ],
      "policies": counts[ResourceType.trafficTrace.rawValue] ?? ["total": 0],
      "services": [
        "internal": count(false), "external": ["total": 0], "gatewayBuiltin": ProxyCounts().fullDocument,
        "gatewayDelegated": count(true),
      ],
      "zones": ["controlPlanes": none, "zoneIngresses": none, "zoneEgresses": none],
    ])
  }

  /// Summaries of one mesh, or of all; none when there is no such mesh.
  private func summaries(of mesh: String?) async throws(APIError) -> [MeshSummary] {
    let meshes: [Resource]
    if let mesh {
      guard
        let found = try await context.find(ResourceKey(type: .mesh, name: mesh), title: APIContext.Title.retrieve)
      else { return [] }
      meshes = [found]
    } else {
      meshes = try await context.list(.mesh, mesh: nil)
    }
    let proxies = Dictionary(grouping: try await context.list(.dataplane, mesh: mesh), by: \.mesh)
    let policies = Dictionary(grouping: try await context.list(.trafficTrace, mesh: mesh), by: \.mesh)
    var insights: [ResourceKey: DataplaneInsight] = [:]
    for resource in try await context.list(.dataplaneInsight, mesh: mesh) {
      insights[resource.key] = resource.content(DataplaneInsight.self)
    }
    return meshes.map { mesh in
      MeshSummary(
        mesh: mesh, proxies: proxies[mesh.name] ?? [], insights: insights,
        policyCount: policies[mesh.name]?.count ?? 0)
    }
  }
}
