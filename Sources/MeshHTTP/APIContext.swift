import MeshModel
import MeshStore

/// The dependencies of every route.
struct APIContext: Sendable {
  let store: any ResourceStore
  let inspection: any ProxyInspecting
  let configuration: APIConfiguration
  let now: @Sendable () -> Timestamp

  /// Writes into the store.
  var writer: ResourceWriter { writer(resources: store, inspection: inspection) }

  /// Writes into a draft.
  func writer(resources: any ResourceAccess, inspection: any ProxyInspecting) -> ResourceWriter {
    ResourceWriter(
      resources: resources, inspection: inspection, warnings: warnings(resources: resources, inspection: inspection),
      zone: configuration.zone)
  }

  /// Computes warnings.
  var warnings: WarningSource { warnings(resources: store, inspection: inspection) }

  private func warnings(resources: any ResourceAccess, inspection: any ProxyInspecting) -> WarningSource {
    WarningSource(resources: resources, inspection: inspection, isOwnCollector: configuration.isOwnCollector)
  }

  /// Titles of errors. Source: Kuma 2.7.
  enum Title {
    static let retrieve = "Could not retrieve a resource"
    static let retrieveList = "Could not retrieve resources"
    static let process = "Could not process a resource"
    static let create = "Could not create a resource"
    static let update = "Could not update a resource"
    static let delete = "Could not delete a resource"
    static let mesh = "Failed to retrieve Mesh"
  }

  /// The resource, or `nil` when there is none.
  func find(_ key: ResourceKey, title: String) async throws(APIError) -> Resource? {
    do throws(StoreError) {
      return try await store.get(key)
    } catch {
      throw APIError(error, title: title, mesh: key.mesh)
    }
  }

  /// The resource.
  func get(_ key: ResourceKey, title: String) async throws(APIError) -> Resource {
    guard let resource = try await find(key, title: title) else { throw .notFound(title) }
    return resource
  }

  /// A mesh; throws if it does not exist.
  @discardableResult
  func mesh(_ name: String, title: String = Title.mesh) async throws(APIError) -> Resource {
    try await get(ResourceKey(type: .mesh, name: name), title: title)
  }

  /// The resources of a type.
  func list(
    _ type: ResourceType, mesh: String?, title: String = Title.retrieveList
  ) async throws(APIError) -> [Resource] {
    do throws(StoreError) {
      return try await store.list(type, mesh: mesh)
    } catch {
      throw APIError(error, title: title, mesh: mesh ?? "")
    }
  }
}
