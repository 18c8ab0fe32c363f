import MeshModel
import MeshPolicy
import MeshStore

/// Creates and replaces resources by the API's rules, in the store or in a draft.
struct ResourceWriter: Sendable {
  let resources: any ResourceAccess
  let inspection: any ProxyInspecting
  /// The warnings about writes.
  let warnings: WarningSource
  /// The zone that every proxy's tag is set to; empty to leave the tag alone.
  let zone: String

  /// How often a write is retried when others create and delete the same resource at the same time.
  private static let attempts = 3

  /// The label with the origin of a resource, set at its creation. Source: Kuma 2.7.
  private static let origin = (name: "kuma.io/origin", value: "zone")

  /// A write that was made.
  struct Outcome: Sendable {
    /// The resource as it was before; `nil` when there was none.
    var old: Resource?
    /// The resource as it is.
    var stored: Resource
    /// Whether it is new.
    var created: Bool
    /// The warnings.
    var warnings: [String]

    /// Whether the content is unchanged.
    var isUnchanged: Bool {
      guard let old else { return false }
      func labels(_ resource: Resource) -> [String: String] { resource.labels.filter { $0.key != origin.name } }
      return old.spec == stored.spec && labels(old) == labels(stored)
    }
  }

  /// A mesh; throws if it does not exist.
  func requireMesh(_ name: String) async throws(APIError) {
    let title = APIContext.Title.mesh
    guard try await find(ResourceKey(type: .mesh, name: name), title: title) != nil else { throw .notFound(title) }
  }

  /// Creates or replaces the resource that a body describes.
  ///
  /// - Parameter key: the key in the request's path; the body must name the same resource.
  func write(_ body: ResourceBody, to key: ResourceKey) async throws(APIError) -> Outcome {
    // Kuma's order: violations in the specification hide those in the identity.
    let violations = body.resource.violations()
    guard violations.isEmpty else { throw .invalid(violations, title: APIContext.Title.process) }
    for _ in 0..<Self.attempts {
      let existing = try await find(key, title: APIContext.Title.process)
      try check(body, against: key, isNew: existing == nil)
      let title = existing == nil ? APIContext.Title.create : APIContext.Title.update
      let (resource, isRestored, lost) = body.resource.restored(from: existing)
      guard lost.isEmpty else { throw .invalid(lost, title: title) }
      if let existing {
        let violations = resource.violations(replacing: existing)
        guard violations.isEmpty else { throw .invalid(violations, title: title) }
      }
      // A creation is conditional, because it has rules of its own. Of concurrent updates, the last one wins, but an old secret
      // must not come back.
      let condition =
        existing.map { isRestored ? WriteCondition.revision($0.revision) : .always } ?? .absent
      do throws(StoreError) {
        let (stored, created) = try await resources.put(
          completed(resource, key: key, isNew: existing == nil), if: condition)
        let warnings = await warnings.warnings(writing: stored, over: existing, notices: body.notices)
        return Outcome(old: existing, stored: stored, created: created, warnings: warnings)
      } catch {
        if error.code != .conflict { throw APIError(error, title: title, mesh: key.mesh) }
      }
    }
    throw APIError(StoreError(code: .conflict, message: ""), title: APIContext.Title.update, mesh: key.mesh)
  }

  private func find(_ key: ResourceKey, title: String) async throws(APIError) -> Resource? {
    do throws(StoreError) {
      return try await resources.get(key)
    } catch {
      throw APIError(error, title: title, mesh: key.mesh)
    }
  }

  private func check(_ body: ResourceBody, against key: ResourceKey, isNew: Bool) throws(APIError) {
    let (type, name) = (key.type, body.resource.name)
    let violations = NameRules.violations(of: body.resource, type: body.type, writtenTo: key, isNew: isNew)
    guard violations.isEmpty else { throw .invalid(violations, title: APIContext.Title.process) }
    guard isNew, type == .mesh else { return }
    let tooLong = NameRules.violations(ofNewMeshName: name)
    guard tooLong.isEmpty else { throw .invalid(tooLong, title: APIContext.Title.create) }
  }

  private func completed(_ resource: Resource, key: ResourceKey, isNew: Bool) -> Resource {
    var resource = resource
    resource.key = key
    if isNew { resource.labels[Self.origin.name] = Self.origin.value }
    if case .dataplane(let dataplane) = resource.spec {
      resource.spec = .dataplane(dataplane.settingZone(zone))
    }
    return resource
  }
}
