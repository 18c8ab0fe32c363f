import HTTPService
import HTTPTypes
import MeshModel
import MeshPolicy
import MeshStore
import OrderedCollections

/// Which policy applies to which proxy, and why.
struct InspectionRoutes: Sendable {
  let context: APIContext

  var routes: [Route] {
    [
      Route(
        .get, "/meshes/{mesh}/dataplanes/{name}/policies", "Names the policy that applies to a proxy.",
        handler: policies),
      Route(
        .get, "/meshes/{mesh}/traffic-traces/{name}/dataplanes", "Lists the proxies to which a policy applies.",
        handler: won),
      Route(
        .get, "/meshes/{mesh}/traffic-traces/{name}/_resources/dataplanes",
        "Lists the proxies that a policy matches, whether or not another one takes precedence.",
        query: [.name] + Operation.Parameter.paging, handler: matched),
      Route(
        .get, "/meshes/{mesh}/traffic-traces/{name}/_warnings",
        "Lists what will not work as a policy's writer expects.", handler: warnings(.trafficTrace)),
      Route(
        .get, "/meshes/{mesh}/dataplanes/{name}/_warnings",
        "Lists why a proxy, or those that call it, will not be traced as its writer expects.",
        handler: warnings(.dataplane)),
      Route(
        .get, "/meshes/{mesh}/_warnings", "Lists what will not work as a mesh's writer expects.",
        query: [
          Operation.Parameter(
            name: "policies", summary: "true: also what will not work of each of the mesh's policies.")
        ], handler: meshWarnings),
    ]
  }

  private func policies(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let proxy = ProxyID(mesh: request.parameter("mesh"), name: request.parameter("name"))
    let title = "Could not get MatchedPolicies"
    try await context.mesh(proxy.mesh, title: "Could not build MeshContext")
    _ = try await context.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name), title: title)
    var items: [DocumentValue] = []
    do throws(StoreError) {
      if let winner = try await context.inspection.winner(for: proxy),
        let policy = try await context.store.get(ResourceKey(type: .trafficTrace, mesh: proxy.mesh, name: winner))
      {
        items.append([
          "type": "dataplane", "matchedPolicies": ["TrafficTrace": .array([.object(policy.metaDocument)])],
        ])
      }
    } catch {
      throw APIError(error, title: title, mesh: proxy.mesh)
    }
    return .json([
      "kind": "SidecarDataplane", "total": .integer(Int64(items.count)), "items": .array(items),
    ])
  }

  /// An unknown policy applies to nothing, which is not an error. Source: Kuma 2.7.
  private func won(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    let title = "Could not list Dataplanes"
    try await context.mesh(mesh, title: title)
    do throws(StoreError) {
      let names = try await context.inspection.proxies(wonBy: request.parameter("name"), mesh: mesh)
      let items = names.map { name -> DocumentValue in
        [
          "kind": "SidecarDataplane", "dataplane": ["mesh": .string(mesh), "name": .string(name)],
          "attachments": .array([["type": "dataplane"]]),
        ]
      }
      return .json(["total": .integer(Int64(items.count)), "items": .array(items)])
    } catch {
      throw APIError(error, title: title, mesh: mesh)
    }
  }

  private func matched(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    let title = "Could not retrieve policy"
    try await context.mesh(mesh)
    let policy = try await context.get(
      ResourceKey(type: .trafficTrace, mesh: mesh, name: request.parameter("name")), title: title)
    let part = request.query.first("name") ?? ""
    let page = try Page(request.query)
    do throws(StoreError) {
      let names = try await context.inspection.proxies(matchedBy: policy.name, mesh: mesh)
        .filter { part.isEmpty || $0.contains(part) }
      let (slice, next) = page.slice(names)
      var object: DocumentValue.Object = [
        "items": .array(slice.map { ["mesh": .string(mesh), "name": .string($0), "type": "Dataplane"] })
      ]
      if let next { object["next"] = .string(request.link(offset: next)) }
      object["total"] = .integer(Int64(names.count))
      return .json(.object(object))
    } catch {
      throw APIError(error, title: title, mesh: mesh)
    }
  }

  /// The warnings about a mesh and, if somebody wants them, about its policies.
  private func meshWarnings(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = try await context.mesh(request.parameter("mesh"), title: APIContext.Title.retrieve)
    var document = DocumentValue.warnings(await context.warnings.warnings(about: mesh)).object ?? [:]
    if try request.flag("policies", title: APIContext.Title.retrieve) {
      var policies: [DocumentValue] = []
      for policy in try await context.list(.trafficTrace, mesh: mesh.name) {
        let warnings = await context.warnings.warnings(about: policy)
        guard !warnings.isEmpty else { continue }
        var item = DocumentValue.warnings(warnings).object ?? [:]
        item["name"] = .string(policy.name)
        policies.append(.object(item))
      }
      document["policies"] = .array(policies)
    }
    return .json(.object(document))
  }

  private func warnings(_ type: ResourceType) -> Route.Handler {
    { request async throws(APIError) in
      let routes = ResourceRoutes(context: context, type: type)
      if type.isMeshScoped { try await context.mesh(request.parameter("mesh")) }
      let resource = try await context.get(routes.key(request), title: APIContext.Title.retrieve)
      return .json(.warnings(await context.warnings.warnings(about: resource)))
    }
  }
}
