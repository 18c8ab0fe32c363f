public import MeshModel
public import MeshStore
import StableHash
import Synchronization

/// A store in a PostgreSQL database, for any number of control planes.
///
/// Each control plane has a replica of the content in memory and reads from it, also while the database cannot be reached.
/// Writes are transactions on the current state of the database, and are on its disk when their calls return. Concurrent
/// writes share one transaction. Every transaction notifies all control planes, which then read the changes.
public final class PostgresStore: ResourceStore, SharedStore {
  /// An event for the log.
  public enum Event: Sendable {
    /// The database was reached and the content is up to date.
    case connected
    /// The connection to the database was lost. Reads use the replica; writes fail.
    case lost(String)
    /// An attempt to connect failed; the next one follows after a wait.
    case unreachable(String, retry: Duration)
    /// An entry of the database cannot be decoded and is skipped.
    case unreadable(String)
  }

  /// Receives events, on threads of the store.
  public typealias Observer = @Sendable (Event) -> Void

  private let configuration: PostgresConfiguration
  private let replica: Replica
  private let writer: Writer
  private let follower: Follower
  private let threads: ThreadCount
  private let returns: ReturnSignal
  private let links: Links

  /// Opens a store and waits until its content is loaded. Retries until the database can be reached or the task is
  /// cancelled. Creates missing tables and migrates older ones.
  ///
  /// - Parameters:
  ///   - configuration: the database and its connections.
  ///   - instance: identifies this run of the control plane.
  ///   - clock: the source of times.
  ///   - observer: receives events.
  /// - Throws: ``StoreError`` `unavailable` if the task was cancelled or the database cannot be used.
  public static func open(
    _ configuration: PostgresConfiguration, instance: String,
    clock: @escaping StoreClock.Source = StoreClock.wallClock, observer: @escaping Observer = { _ in }
  ) async throws(StoreError) -> PostgresStore {
    try await open(configuration, instance: instance, clock: clock, memory: 10_000, observer: observer)
  }

  /// - Parameter memory: for how many transactions the database remembers deletions.
  static func open(
    _ configuration: PostgresConfiguration, instance: String, clock: @escaping StoreClock.Source, memory: Int64,
    observer: @escaping Observer
  ) async throws(StoreError) -> PostgresStore {
    let store: PostgresStore
    do {
      store = try PostgresStore(configuration, instance: instance, clock: clock, memory: memory, observer: observer)
    } catch {
      throw StoreError(error, configuration, doing: "opened")
    }
    store.writer.start()
    let outcome = await withTaskCancellationHandler {
      await store.follower.start()
    } onCancel: {
      store.beginClosing()
    }
    if case .failure(let error) = outcome {
      await store.close()
      throw error
    }
    return store
  }

  private init(
    _ configuration: PostgresConfiguration, instance: String, clock: @escaping StoreClock.Source, memory: Int64,
    observer: @escaping Observer
  ) throws(PostgresFailure) {
    let replica = Replica()
    let reader = ReplicaReader(replica: replica, observer: observer)
    let threads = ThreadCount(2)
    let returns = ReturnSignal()
    // Each thread wakes the other one when it has reached the server.
    let links = Links()
    let hosts = PostgresHosts(configuration)
    let writer = try Writer(
      configuration: configuration, hosts: hosts, reader: reader, clock: clock, memory: memory,
      onConnect: { links.follower?.retryNow() }, onLose: { links.follower?.doubt() }, onEnd: { threads.oneEnded() })
    let follower = try Follower(
      configuration: configuration, hosts: hosts, reader: reader, presence: Self.presence(of: instance),
      onSynchronized: {
        links.writer?.retryNow()
        returns.signal()
      }, onEnd: { threads.oneEnded() })
    links.set(writer: writer, follower: follower)
    self.configuration = configuration
    self.replica = replica
    self.writer = writer
    self.follower = follower
    self.threads = threads
    self.returns = returns
    self.links = links
  }

  deinit {
    beginClosing()
    links.set(writer: nil, follower: nil)
  }

  private func beginClosing() {
    writer.close()
    follower.close()
  }

  /// Waits for the current writes, ends every subscription and closes the connections. After this every write fails.
  public func close() async {
    beginClosing()
    await threads.wait()
    links.set(writer: nil, follower: nil)
    replica.feed.finish()
    returns.finish()
  }

  /// Identifies the database's content; the same for all control planes that use it.
  public var clusterID: String { follower.clusterID }

  // MARK: Resources

  /// The resource, or `nil` when there is none.
  public func get(_ key: ResourceKey) -> Resource? { replica.feed.read { $0[key] } }

  /// The resources of a type, sorted by mesh and name.
  public func list(_ type: ResourceType, mesh: String?) -> [Resource] {
    replica.feed.read { $0.list(type, mesh: mesh) }
  }

  /// Creates or updates a resource.
  public func put(
    _ resource: Resource, if condition: WriteCondition
  ) async throws(StoreError) -> (stored: Resource, created: Bool) {
    let record = try ResourceRecord(resource)
    let outcome = try await write(.put(record, condition))
    guard case .stored(let stored, let created) = outcome else {
      throw StoreError(PostgresFailure(.closing, ""), configuration, doing: "written")
    }
    return (stored, created)
  }

  /// Deletes a resource and what depends on it.
  public func delete(_ key: ResourceKey, if condition: WriteCondition) async throws(StoreError) {
    _ = try await write(.delete(key, condition))
  }

  private func write(_ operation: WritePlan.Operation) async throws(StoreError) -> WritePlan.Outcome {
    try await withCheckedContinuation { writer.submit(.write(operation, $0)) }.get()
  }

  /// A new subscription to changes.
  public func changes() -> ResourceChanges { replica.feed.changes() }

  /// The number of the newest change.
  public var sequence: UInt64 { replica.feed.sequence }

  /// Why the store cannot be written to now: the database cannot be reached.
  public func obstacle() -> String? { follower.obstacle }

  // MARK: Other control planes

  /// Those of the given control planes that are connected to the database.
  public func connected(of instances: Set<String>) async throws(StoreError) -> Set<String> {
    let keys = Dictionary(instances.map { (Self.presence(of: $0), $0) }) { first, _ in first }
    let held = try await withCheckedContinuation { writer.submit(.ask(Array(keys.keys), $0)) }.get()
    return Set(held.compactMap { keys[$0] })
  }

  /// An element each time the content is up to date again after an outage.
  public func returnsToService() -> AsyncStream<Void> { returns.stream() }

  /// The advisory lock of a control plane, derived from its name. All versions must compute the same number.
  private static func presence(of instance: String) -> Int64 { Int64(bitPattern: FNV1a.hash(instance.utf8)) }
}

/// Lets the two threads of a store wake each other.
private final class Links: Sendable {
  private let state = Mutex<(writer: Writer?, follower: Follower?)>((nil, nil))

  var writer: Writer? { state.withLock { $0.writer } }
  var follower: Follower? { state.withLock { $0.follower } }

  func set(writer: Writer?, follower: Follower?) { state.withLock { $0 = (writer, follower) } }
}
