package import MeshModel
import MeshPolicy
package import MeshStore

/// The warnings about a write that somebody else makes, such as the API server of a cluster. They are those of a dry run.
package struct WritePreview: Sendable {
  private let store: any ResourceAccess
  private let inspection: any ProxyInspecting
  private let zone: String
  private let isOwnCollector: @Sendable (CollectorURL) -> Bool
  private let now: @Sendable () -> Timestamp

  /// - Parameters:
  ///   - store: the resources as they are.
  ///   - inspection: knows which policy applies to which proxy.
  ///   - zone: the zone that every proxy's tag is set to; empty to leave the tag alone.
  ///   - isOwnCollector: whether a backend's URL leads to this control plane's own collector.
  package init(
    store: any ResourceAccess, inspection: any ProxyInspecting, zone: String = "",
    isOwnCollector: @escaping @Sendable (CollectorURL) -> Bool, now: @escaping @Sendable () -> Timestamp
  ) {
    self.store = store
    self.inspection = inspection
    self.zone = zone
    self.isOwnCollector = isOwnCollector
    self.now = now
  }

  /// Whether the store knows a mesh.
  package func knows(mesh name: String) async -> Bool {
    (try? await store.get(ResourceKey(type: .mesh, name: name))) != nil
  }

  /// The warnings about a write; none where its input cannot be read.
  ///
  /// - Parameters:
  ///   - resource: the resource as it will be.
  ///   - notices: its fields that are ignored.
  ///   - mesh: its mesh as it is, where the store may not know it yet.
  package func warnings(
    writing resource: Resource, notices: [FieldNotice], in mesh: Resource? = nil
  ) async -> [String] {
    let draft = ResourceDraft(over: store, inspection: inspection, now: now)
    var resource = resource
    if case .dataplane(let dataplane) = resource.spec { resource.spec = .dataplane(dataplane.settingZone(zone)) }
    do throws(StoreError) {
      if let mesh { _ = try await draft.put(mesh, if: .always) }
      let old = try await draft.get(resource.key)
      let (stored, _) = try await draft.put(resource, if: .always)
      let source = WarningSource(resources: draft, inspection: draft, isOwnCollector: isOwnCollector)
      return await source.warnings(writing: stored, over: old, notices: notices)
    } catch {
      let missing = error.code == .meshNotFound
      return notices.messages + (missing ? [PolicyWarnings.missingMesh(of: resource)] : [])
    }
  }
}
