public import MeshModel
import Synchronization

/// A store in memory; its content is lost when the process ends.
public final class MemoryStore: ResourceStore {
  private let feed = ChangeFeed()
  private let clock: Mutex<StoreClock>

  /// Makes an empty store.
  public init(clock source: @escaping StoreClock.Source = StoreClock.wallClock) {
    clock = Mutex(StoreClock(source: source))
  }

  /// The resource, or `nil` when there is none.
  public func get(_ key: ResourceKey) -> Resource? { feed.read { $0[key] } }

  /// The resources of a type, sorted by mesh and name.
  public func list(_ type: ResourceType, mesh: String?) -> [Resource] { feed.read { $0.list(type, mesh: mesh) } }

  /// Creates or updates a resource.
  public func put(
    _ resource: Resource, if condition: WriteCondition
  ) throws(StoreError) -> (stored: Resource, created: Bool) {
    let key = resource.key
    return try feed.transact { table throws(StoreError) in
      let present = table[key]
      if key.type.isMeshScoped, table[ResourceKey(type: .mesh, name: key.mesh)] == nil {
        throw .meshNotFound(key.mesh)
      }
      guard condition.holds(for: present?.revision) else {
        throw .conflict(key, present: present?.revision, condition: condition)
      }
      let now = clock.withLock { $0.tick() }
      var stored = resource
      stored.creationTime = StoreClock.creation(present?.creationTime, writtenAt: now)
      stored.modificationTime = now
      stored.revision = (present?.revision ?? 0) &+ 1
      return ([.written(stored)], (stored, present == nil))
    }
  }

  /// Deletes a resource and what depends on it.
  public func delete(_ key: ResourceKey, if condition: WriteCondition = .always) throws(StoreError) {
    try feed.transact { table throws(StoreError) in
      guard let present = table[key] else { throw .notFound(key) }
      guard condition.holds(for: present.revision) else {
        throw .conflict(key, present: present.revision, condition: condition)
      }
      if key.type == .mesh, table.contains(.dataplane, mesh: key.name) { throw .meshInUse(key.name) }
      return (table.deletion(of: key).map { .deleted($0) }, ())
    }
  }

  /// A new subscription to changes.
  public func changes() -> ResourceChanges { feed.changes() }

  /// The number of the newest change.
  public var sequence: UInt64 { feed.sequence }
}
