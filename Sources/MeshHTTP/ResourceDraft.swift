import MeshModel
import MeshPolicy
import MeshStore
import OrderedCollections

/// The state of the store after some uncommitted writes, which only this draft sees.
actor ResourceDraft: ResourceAccess, ProxyInspecting {
  /// A mesh before and after the writes.
  private struct Meshes {
    let before: MeshIndex
    var after: MeshIndex
    /// The proxies whose configuration may differ.
    var concerned: Set<String> = []
  }

  private let store: any ResourceAccess
  private let inspection: any ProxyInspecting
  private var clock: StoreClock
  private var written: [ResourceKey: Resource] = [:]
  private var meshes: [String: Meshes] = [:]

  /// A draft without writes.
  ///
  /// - Parameters:
  ///   - store: the store, which is only read.
  ///   - inspection: the store's view of which policy applies to which proxy.
  init(over store: any ResourceAccess, inspection: any ProxyInspecting, now: @escaping StoreClock.Source) {
    self.store = store
    self.inspection = inspection
    clock = StoreClock(source: now)
  }

  func get(_ key: ResourceKey) async throws(StoreError) -> Resource? {
    if let resource = written[key] { return resource }
    return try await store.get(key)
  }

  func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource] {
    let own = written.values.filter { $0.type == type && (mesh == nil || $0.mesh == mesh) }
    let others = try await store.list(type, mesh: mesh).filter { written[$0.key] == nil }
    return (own + others).sorted { $0.key < $1.key }
  }

  func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    let key = resource.key
    let present = try await get(key)
    if key.type.isMeshScoped, try await get(ResourceKey(type: .mesh, name: key.mesh)) == nil {
      throw .meshNotFound(key.mesh)
    }
    guard condition.holds(for: present?.revision) else {
      throw .conflict(key, present: present?.revision, condition: condition)
    }
    try await load(key.owningMesh)
    let now = clock.tick()
    var stored = resource
    stored.creationTime = present?.creationTime ?? now
    stored.modificationTime = now
    stored.revision = (present?.revision ?? 0) &+ 1
    written[key] = stored
    var change = MeshIndex.Change()
    change.note(key, stored)
    if let (affected, _) = meshes[key.owningMesh]?.after.apply(change) {
      meshes[key.owningMesh]?.concerned.formUnion(affected)
    }
    return (stored, present == nil)
  }

  func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async throws(StoreError) -> Answer {
    try await load(mesh)
    return question(meshes[mesh]?.after ?? MeshIndex(name: mesh))
  }

  /// The proxies whose tracing backend would change, sorted by mesh and name.
  var changes: [BackendChange] {
    meshes.sorted { $0.key < $1.key }.flatMap { name, mesh in
      mesh.concerned.sorted().compactMap { proxy in
        BackendChange(ProxyID(mesh: name, name: proxy), from: mesh.before, to: mesh.after)
      }
    }
  }

  private func load(_ mesh: String) async throws(StoreError) {
    guard meshes[mesh] == nil else { return }
    let index = try await inspection.inspect(mesh) { $0 }
    meshes[mesh] = Meshes(before: index, after: index)
  }
}

/// A proxy whose tracing backend or its settings, apart from secrets, would change.
struct BackendChange: Sendable {
  /// A policy and its backend.
  struct Side: Sendable {
    /// The policy that applies; `nil` when none does.
    var policy: String?
    /// The backend; `nil` when nothing is traced.
    var backend: TracingBackend?

    init(_ proxy: String, in index: MeshIndex) {
      policy = index.winner(for: proxy)?.name
      backend = index.resolution(for: proxy)?.backend
    }
  }

  var proxy: ProxyID
  var from: Side
  var to: Side

  /// Compares a proxy's backend in two states of its mesh; `nil` when it is the same with the same settings, apart from
  /// secrets.
  init?(_ proxy: ProxyID, from before: MeshIndex, to after: MeshIndex) {
    self.proxy = proxy
    from = Side(proxy.name, in: before)
    to = Side(proxy.name, in: after)
    // Whoever may ask need not know the secrets in a backend, and could try them out.
    guard from.backend?.redacted != to.backend?.redacted else { return nil }
  }

  /// The change in document form. `settingsOnly` is set when only the backend's settings change.
  var document: DocumentValue {
    func text(_ name: String?) -> DocumentValue { name.map(DocumentValue.string) ?? .null }
    var object = DocumentValue.Object()
    object["mesh"] = .string(proxy.mesh)
    object["name"] = .string(proxy.name)
    object["from"] = text(from.backend?.name)
    object["to"] = text(to.backend?.name)
    object["fromPolicy"] = text(from.policy)
    object["toPolicy"] = text(to.policy)
    if from.backend?.name == to.backend?.name { object["settingsOnly"] = true }
    return .object(object)
  }
}
