import Backoff
import Documents
package import Logging
import ServiceLifecycle
import Synchronization

/// Keeps the objects of a kind in memory as the API server has them, and tells its owner what changes.
///
/// What this process writes itself is told to ``note(stored:)`` and ``note(deleted:)``, so that it reads its own writes at
/// once; what the watch says of them later is dropped.
package final class KindReplica: Service {
  /// What has changed.
  package enum Update: Sendable {
    /// The first list has arrived: these are all objects.
    case replaced([KubernetesObject])
    /// Objects that are new or different.
    case changed([KubernetesObject])
    /// Objects that are gone, as they were last.
    case deleted([KubernetesObject])
    /// Why the objects are not kept up to date at present; those that are known stay. `nil`: they are again.
    case trouble(KubernetesError?)
  }

  /// The waits and pages of a replica.
  package struct Settings: Sendable {
    /// The wait after a first failure; it doubles with every further one.
    package var minimumWait: Duration = .milliseconds(500)
    /// The longest wait.
    package var maximumWait: Duration = .seconds(5)
    /// How many objects a page of a list has.
    package var pageSize = 500

    package init() {}
  }

  /// Removes from an object what its owner does not need. The identity and version in `metadata` have to stay.
  package typealias Prune = @Sendable (KubernetesObject) -> KubernetesObject

  /// The kind.
  package let kind: KubernetesKind
  private let namespace: String?
  private let name: String?
  private let type: String?
  private let client: KubernetesClient
  private let settings: Settings
  private let logger: Logger
  private let prune: Prune
  private let onUpdate: @Sendable (Update) -> Void
  private let state: Mutex<KindReplicaStateMachine>

  /// Makes a replica; ``run()`` keeps it up to date.
  ///
  /// - Parameters:
  ///   - namespace: only the objects there; `nil` for all.
  ///   - name: only the object of that name; `nil` for all.
  ///   - type: only the Secrets of that type; `nil` for all.
  ///   - prune: applied to each object before it is kept; pods alone would otherwise need hundreds of megabytes in a large
  ///     cluster.
  ///   - onUpdate: called in order, one call at a time, while the replica is locked: it must not call the replica.
  package init(
    client: KubernetesClient, kind: KubernetesKind, namespace: String? = nil, name: String? = nil, type: String? = nil,
    settings: Settings = Settings(), logger: Logger, prune: @escaping Prune = { $0 },
    onUpdate: @escaping @Sendable (Update) -> Void
  ) {
    self.client = client
    self.kind = kind
    self.namespace = namespace
    self.name = name
    self.type = type
    self.settings = settings
    self.logger = logger
    self.prune = prune
    self.onUpdate = onUpdate
    state = Mutex(
      KindReplicaStateMachine(
        schedule: BackoffSchedule(minimum: settings.minimumWait, maximum: settings.maximumWait)))
  }

  // MARK: Reading

  /// Whether the first list has arrived.
  package var isSynchronized: Bool { state.withLock { $0.table.isSynchronized } }

  /// Why the objects are not kept up to date at present; `nil` when they are, or when nothing was tried yet.
  package var trouble: KubernetesError? { state.withLock { $0.trouble } }

  /// All objects, in no order.
  package var objects: [KubernetesObject] { state.withLock { Array($0.table.objects.values) } }

  /// An object as it was last; `nil` when there is none.
  package func object(namespace: String? = nil, name: String) -> KubernetesObject? {
    state.withLock { $0.table.objects[ReplicaTable.Key(namespace: namespace, name: name)] }
  }

  // MARK: Writes of this process

  /// The API server has answered a write of this process with the object as stored. What it changes is told to the owner
  /// before the call returns.
  package func note(stored object: KubernetesObject) {
    guard concerns(object) else { return }
    state.withLock { tell($0.note(stored: prune(object))) }
  }

  /// The API server has answered that an object is deleted, not only that it will be: an object with finalizers stays for a
  /// while. What it changes is told to the owner before the call returns.
  package func note(deleted object: KubernetesObject) {
    guard concerns(object) else { return }
    state.withLock { tell($0.note(deleted: prune(object))) }
  }

  private func concerns(_ object: KubernetesObject) -> Bool {
    (namespace == nil || object.namespace == namespace) && (name == nil || object.name == name)
      && (type == nil || object["type"]?.string == type)
  }

  // MARK: Running

  /// Keeps the objects up to date until the task is cancelled or the service is shut down.
  package func run() async {
    await cancelWhenGracefulShutdown { await self.follow() }
  }

  private func follow() async {
    let start = ContinuousClock.now
    var action = handle(.started, since: start)
    while action != .stop {
      let event = await perform(action, since: start)
      action = handle(Task.isCancelled ? .stopped : event, since: start)
    }
  }

  private func perform(_ action: KindReplicaStateMachine.Action, since start: ContinuousClock.Instant) async
    -> KindReplicaStateMachine.Event
  {
    do throws(KubernetesError) {
      switch action {
      case .list:
        return try await list()
      case .check:
        return .checked(newest: try await client.newestVersion(of: kind, namespace: namespace, name: name, type: type))
      case .watch(let version):
        try await client.watch(kind, namespace: namespace, name: name, type: type, from: version) { events in
          _ = self.handle(.received(events.map { $0.mapObject(self.prune) }), since: start)
        }
        return .ended
      case .pause(let wait):
        try? await Task.sleep(for: wait)
        return .resumed
      case .proceed, .stop: return .stopped
      }
    } catch {
      return .failed(error)
    }
  }

  private func list() async throws(KubernetesError) -> KindReplicaStateMachine.Event {
    var objects: [KubernetesObject] = []
    // Pruned page by page, so that no more than a page is in memory as a whole.
    let version = try await client.list(
      kind, namespace: namespace, name: name, type: type, pageSize: settings.pageSize
    ) {
      objects.removeAll()
    } page: {
      objects += $0.map(prune)
    }
    return .listed(objects, version: version)
  }

  private func handle(
    _ event: KindReplicaStateMachine.Event, since start: ContinuousClock.Instant
  ) -> KindReplicaStateMachine.Action {
    state.withLock { state in
      let step = state.handle(event, at: .now - start, share: .random(in: 0...1))
      tell(step.updates)
      return step.action
    }
  }

  private func tell(_ updates: [Update]) {
    for update in updates {
      switch update {
      case .trouble(let error?):
        logger.warning("Objects of a kind are not up to date; trying again", metadata: metadata(error.message))
      case .trouble(nil): logger.info("Objects of a kind are up to date again", metadata: metadata())
      default: break
      }
      onUpdate(update)
    }
  }

  private func metadata(_ error: String? = nil) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["kind": "\(kind.qualifiedName)"]
    if let namespace { metadata["namespace"] = "\(namespace)" }
    if let name { metadata["name"] = "\(name)" }
    if let type { metadata["type"] = "\(type)" }
    if let error { metadata["error"] = "\(error)" }
    return metadata
  }
}
