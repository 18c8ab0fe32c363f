import Documents
package import KubernetesAPI
package import Logging
package import MeshModel
package import MeshStore
import ServiceLifecycle

/// A store of custom resources in a Kubernetes cluster, for any number of control planes.
///
/// Each control plane has the objects of all kinds in memory and reads from there, also while the API server cannot be reached.
/// Writes are requests to the API server, and are on the disks of the cluster when their calls return; what this control plane
/// writes, it reads at once. A resource's revision is the object's `resourceVersion`, and both of its times are that of the
/// object's creation, in whole seconds. An object that is no resource, or is being deleted, counts as absent.
package final class KubernetesStore: ResourceStore, SharedStore, Service {
  /// The settings of a store.
  package struct Settings: Sendable {
    /// Whether policies are deleted with their mesh by the cluster's garbage collector.
    package var setsOwnerReferences = true
    /// The namespace in which secrets are.
    package var systemNamespace = "kuma-system"
    /// The pages of lists, and the waits after failures.
    package var replicas = KindReplica.Settings()

    package init() {}
  }

  /// What happens in a store.
  package enum Event: Sendable {
    /// The content is whole.
    case loaded
    /// An object cannot be read, and is left out until it is mended.
    case unreadable(UnreadableObject)
  }

  /// Receives events, one after the other.
  package typealias Observer = @Sendable (Event) -> Void

  let client: KubernetesClient
  let settings: Settings
  let content: ClusterContent
  let replicas: [ResourceType: KindReplica]
  let lanes = WriteLanes()
  private let presence: PresenceLease
  let logger: Logger

  /// Makes a store; ``run()`` loads it and keeps it up to date.
  ///
  /// - Parameters:
  ///   - presence: shows the other control planes that this one is connected; a service of its own.
  ///   - observer: must not call the store.
  package init(
    client: KubernetesClient, presence: PresenceLease, settings: Settings = Settings(), logger: Logger,
    observer: @escaping Observer = { _ in }
  ) {
    self.client = client
    self.presence = presence
    self.settings = settings
    self.logger = logger
    let content = ClusterContent(observer: observer)
    self.content = content
    var replicas: [ResourceType: KindReplica] = [:]
    for type in ResourceType.allCases {
      replicas[type] = KindReplica(
        client: client, kind: type.kubernetesKind, namespace: type.isSecret ? settings.systemNamespace : nil,
        type: type.kubernetesSecretType, settings: settings.replicas, logger: logger
      ) { content.update($0, of: type) }
    }
    self.replicas = replicas
  }

  /// Loads the content and keeps it up to date, until the task is cancelled or the service is shut down. After that every
  /// subscription ends.
  package func run() async throws {
    await withDiscardingTaskGroup { group in
      for replica in replicas.values { group.addTask { await replica.run() } }
    }
    content.close()
  }

  /// Waits until the content is whole. Until then, reads and writes fail and subscriptions have no element.
  ///
  /// - Returns: `false` when the store was closed, or the task was cancelled, before.
  package func loaded() async -> Bool { await content.loaded() }

  // MARK: Reading

  /// The resource, or `nil` when there is none.
  package func get(_ key: ResourceKey) throws(StoreError) -> Resource? {
    try requireContent()
    return content.feed.read { $0[key] }
  }

  /// The resources of a type, sorted by mesh and name.
  package func list(_ type: ResourceType, mesh: String?) throws(StoreError) -> [Resource] {
    try requireContent()
    return content.feed.read { $0.list(type, mesh: mesh) }
  }

  /// A new subscription to changes.
  package func changes() -> ResourceChanges { content.feed.changes() }

  /// The number of the newest change.
  package var sequence: UInt64 { content.feed.sequence }

  /// The object of a resource as it is stored in the cluster.
  package func object(of key: ResourceKey) -> KubernetesObject? {
    guard let names = try? key.type.kubernetesNames(of: key.name), let object = object(key.type, names) else {
      return nil
    }
    return (try? ResourceReadings.resource(object, key.type))?.key == key ? object : nil
  }

  /// The objects that cannot be read.
  package var unreadable: [UnreadableObject] { content.unreadable }

  /// Why the content is not up to date: the API server cannot be reached, does not serve the kinds, or refuses.
  package func obstacle() async -> String? {
    guard let trouble else { return nil }
    guard !content.forbidden.isEmpty,
      let missing = await RequiredRights.missingWords(client, systemNamespace: settings.systemNamespace)
    else { return trouble }
    return "\(trouble); all that is missing: \(missing)"
  }

  private var trouble: String? {
    content.isClosed ? "the store of custom resources is closed" : content.obstacle(on: client.access.server)
  }

  // MARK: Other control planes

  /// Those of the given control planes that renew their Lease.
  package func connected(of instances: Set<String>) throws(StoreError) -> Set<String> {
    do throws(KubernetesError) {
      return try presence.connected(of: instances)
    } catch {
      throw StoreError(code: .unavailable, message: error.message, cause: error)
    }
  }

  /// An element each time all kinds are up to date again after an outage.
  package func returnsToService() -> AsyncStream<Void> { content.returns.stream() }

  // MARK: What is there

  func requireContent() throws(StoreError) {
    guard !content.feed.isComplete else { return }
    throw StoreError(
      code: .unavailable,
      message: "the resources of the cluster are not loaded yet" + (trouble.map { ": \($0)" } ?? ""))
  }

  func object(_ type: ResourceType, _ names: (name: String, namespace: String)) -> KubernetesObject? {
    replicas[type]?.object(namespace: namespace(of: type, names), name: names.name)
  }

  /// The namespace of an object; `nil` for kinds outside of namespaces.
  func namespace(of type: ResourceType, _ names: (name: String, namespace: String)) -> String? {
    type.isSecret ? settings.systemNamespace : type.isNamespacedInKubernetes ? names.namespace : nil
  }
}
