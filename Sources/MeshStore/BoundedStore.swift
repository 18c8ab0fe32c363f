public import MeshModel
import Synchronization

/// A store that takes resources up to a number and a size.
///
/// A control plane holds all resources in memory, so that whoever may write could use it up. What is there stays: beyond a bound,
/// nothing is created and nothing grows. DataplaneInsights are not counted, since the control plane itself writes one of a bounded
/// size for each Dataplane.
///
/// Writes of this store count at once. Those of other control planes with the same store count when they arrive here, so that several
/// together may exceed a bound by what they write at the same moment.
public final class BoundedStore: ResourceStore {
  /// The bounds.
  public struct Limits: Sendable, Hashable {
    /// How many resources there may be.
    public var resources: Int
    /// How large all of them may be together, as JSON in bytes.
    public var bytes: Int

    /// Makes bounds.
    public init(resources: Int, bytes: Int) {
      self.resources = resources
      self.bytes = bytes
    }
  }

  /// What a store holds, and how often it has refused more.
  public struct Usage: Sendable, Hashable {
    /// The resources.
    public var resources = 0
    /// Their size as JSON in bytes.
    public var bytes = 0
    /// The refused writes.
    public var refusals = 0
  }

  private struct State {
    var sizes: [ResourceKey: Int] = [:]
    var usage = Usage()

    mutating func set(_ size: Int?, of key: ResourceKey) {
      let old = size.map { sizes.updateValue($0, forKey: key) } ?? sizes.removeValue(forKey: key)
      usage.bytes += (size ?? 0) - (old ?? 0)
      usage.resources = sizes.count
    }
  }

  /// The bounds.
  public let limits: Limits
  private let store: any ResourceStore
  private let state = Mutex(State())

  /// Bounds a store. What it holds counts once ``follow()`` has read it.
  public init(_ store: any ResourceStore, limits: Limits) {
    self.store = store
    self.limits = limits
  }

  /// What the store holds.
  public var usage: Usage { state.withLock { $0.usage } }

  /// Counts what the store holds, until the task is cancelled or the store closes.
  public func follow() async {
    for await set in store.changes() {
      let sizes = set.written.lazy.filter { Self.counts($0.key) }.map { ($0.key, Self.size(of: $0)) }
      let written = Array(sizes)
      state.withLock { state in
        if set.isWholeState {
          state.sizes = [:]
          state.usage.bytes = 0
          state.usage.resources = 0
        }
        for (key, size) in written { state.set(size, of: key) }
        for key in set.deleted { state.set(nil, of: key) }
      }
    }
  }

  private static func counts(_ key: ResourceKey) -> Bool { key.type != .dataplaneInsight }

  private static func size(of resource: Resource) -> Int {
    resource.name.utf8.count + resource.mesh.utf8.count + resource.spec.document.json().utf8.count
      + resource.labels.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
  }

  /// Creates or updates a resource.
  ///
  /// - Throws: ``StoreError`` `full` if there is no room, and what the store throws.
  public func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    guard Self.counts(resource.key) else { return try await store.put(resource, if: condition) }
    let key = resource.key
    let size = Self.size(of: resource)
    // Taken before the write, so that writes at the same time do not pass the bound together.
    let refusal = state.withLock { state in
      let refusal = overflow(of: size, over: state.sizes[key], state.usage)
      if refusal == nil { state.set(size, of: key) } else { state.usage.refusals &+= 1 }
      return refusal
    }
    if let refusal { throw refusal }
    do throws(StoreError) {
      return try await store.put(resource, if: condition)
    } catch {
      // Another write may have come in between, so what the store has is looked up. If it cannot say, the room stays taken until the
      // next change of the resource.
      if let present = try? await store.get(key) {
        state.withLock { $0.set(Self.size(of: present), of: key) }
      } else if error.code != .unavailable {
        state.withLock { $0.set(nil, of: key) }
      }
      throw error
    }
  }

  /// Why a resource has no room; nil if it has.
  private func overflow(of size: Int, over before: Int?, _ usage: Usage) -> StoreError? {
    if before == nil, usage.resources >= limits.resources {
      let present = usage.resources == 1 ? "1 resource" : "\(usage.resources) resources"
      return StoreError(
        code: .full,
        message:
          "the store has \(present), and may have \(limits.resources); delete some, or raise general.limits.resources"
      )
    }
    let growth = size - (before ?? 0)
    guard growth > 0, growth > limits.bytes - usage.bytes else { return nil }
    return StoreError(
      code: .full,
      message:
        "the resources in the store have \(usage.bytes) bytes, and may have \(limits.bytes), so that \(growth) more have no "
        + "room; delete some, or raise general.limits.resourceSize")
  }

  // MARK: What is not bounded

  /// The resource, or nil when there is none.
  public func get(_ key: ResourceKey) async throws(StoreError) -> Resource? { try await store.get(key) }

  /// The resources of a type.
  public func list(_ type: ResourceType, mesh: String?) async throws(StoreError) -> [Resource] {
    try await store.list(type, mesh: mesh)
  }

  /// Deletes a resource and what depends on it, which makes room when the change arrives.
  public func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    try await store.delete(key, if: condition)
    state.withLock { $0.set(nil, of: key) }
  }

  /// A new subscription to changes.
  public func changes() -> ResourceChanges { store.changes() }

  /// The number of the newest change.
  public var sequence: UInt64 { store.sequence }

  /// Why the store cannot be written to now. A full one can: what is there may be changed and deleted.
  public func obstacle() async -> String? { await store.obstacle() }
}
