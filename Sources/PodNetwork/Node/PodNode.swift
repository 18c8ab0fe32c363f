import Documents
package import KubernetesAPI
package import Logging
import OrderedCollections
import ProcessSupervisor
import Synchronization

/// A node of a cluster without containers: it takes the pods of some namespaces that no node has, runs their containers in
/// network namespaces, and reports on them, as scheduler and kubelet do. It knows nothing of what runs in them.
///
/// Init containers, sidecars among them, hooks, probes, restarts, volumes (emptyDir, secret, configMap, downwardAPI, projected
/// with renewed tokens) and deletion with its grace period are as in Kubernetes. Names of Services resolve by `/etc/hosts`. What
/// is not there: images, resource limits, other volumes, kube-proxy, logs and exec by kubectl (see ``log(of:in:container:)`` and
/// ``execute(_:in:_:container:)``).
package final class PodNode: Sendable {
  /// What a node is.
  package struct Settings: Sendable {
    /// The node's name.
    package var name: String
    /// The node's labels, such as `topology.kubernetes.io/zone`.
    package var labels: [String: String] = [:]
    /// The namespaces whose pods it takes.
    package var namespaces: [String]
    /// What stands in the place of images, by ``ContainerImage/shortName(_:)``.
    package var images: [String: ContainerImage]
    /// Names that resolve in every pod, besides those of Services in ``namespaces``, with their addresses.
    package var hosts: [String: String] = [:]
    /// Variables that every container has, such as `KUBERNETES_SERVICE_HOST`.
    package var variables: [String: String] = [:]
    /// The wait before a container is started for the third time; it doubles up to half a minute. The second start is at once.
    package var restartDelay: Duration = .seconds(1)

    /// Describes a node.
    package init(name: String, namespaces: [String], images: [String: ContainerImage]) {
      self.name = name
      self.namespaces = namespaces
      self.images = images
    }
  }

  let network: PodNetwork
  let client: KubernetesClient
  let settings: Settings
  let logger: Logger
  let prober = Prober()
  private let state = Mutex(State())

  private struct State {
    var names = ClusterNames()
    var workers: [String: PodWorker] = [:]
    /// The pods that are being bound to this node.
    var bound: Set<String> = []
  }

  private enum Event: Sendable {
    case pod(KubernetesObject)
    case deleted(KubernetesObject)
    case names
  }

  /// Makes a node; ``run()`` lets it live.
  package init(network: PodNetwork, client: KubernetesClient, settings: Settings, logger: Logger) {
    self.network = network
    self.client = client
    self.settings = settings
    self.logger = logger
    state.withLock { $0.names.others = settings.hosts }
  }

  // MARK: Running

  /// Runs pods until the task is cancelled. Then all containers are killed, and the API server is told that the pods and the node
  /// are gone.
  package func run() async {
    await register()
    let (events, continuation) = AsyncStream<Event>.makeStream()
    let pods = replicas(of: .pod) { update in
      switch update {
      case .replaced(let objects), .changed(let objects): for object in objects { continuation.yield(.pod(object)) }
      case .deleted(let objects): for object in objects { continuation.yield(.deleted(object)) }
      case .trouble: return
      }
      continuation.yield(.names)
    }
    let services = replicas(of: .service) { _ in continuation.yield(.names) }
    await withDiscardingTaskGroup { group in
      for replica in pods + services { group.addTask { await replica.run() } }
      for await event in events { handle(event, pods, services, &group) }
      group.cancelAll()
    }
    let workers = state.withLock { Array($0.workers.values) }
    // This task is cancelled, and its requests would be.
    await Task {
      await withDiscardingTaskGroup { group in
        for worker in workers {
          group.addTask {
            await worker.kill()
            await self.forceDelete(await worker.pod)
          }
        }
      }
      try? await client.delete(.node, name: settings.name)
    }.value
  }

  private func register() async {
    var node = KubernetesObject(.node, name: settings.name)
    node.metadata["labels"] = .object(
      DocumentValue.Object(uniqueKeysWithValues: settings.labels.map { ($0.key, .string($0.value)) }))
    do throws(KubernetesError) { _ = try await client.create(.node, node) } catch {
      guard error.code != .alreadyExists else { return }
      logger.warning("the node cannot be registered", metadata: ["error": "\(error)"])
    }
  }

  private func replicas(
    of kind: KubernetesKind, _ onUpdate: @escaping @Sendable (KindReplica.Update) -> Void
  ) -> [KindReplica] {
    settings.namespaces.map { namespace in
      KindReplica(client: client, kind: kind, namespace: namespace, logger: logger, onUpdate: onUpdate)
    }
  }

  private func handle(
    _ event: Event, _ pods: [KindReplica], _ services: [KindReplica], _ group: inout DiscardingTaskGroup
  ) {
    switch event {
    case .pod(let pod): take(pod, &group)
    case .deleted(let pod):
      let worker = state.withLock { $0.workers.removeValue(forKey: pod.uid) }
      if let worker { group.addTask { await worker.kill() } }
    case .names:
      let workers = state.withLock { state in
        state.names.pods = pods.flatMap(\.objects)
        state.names.services = services.flatMap(\.objects)
        return Array(state.workers.values)
      }
      for worker in workers { group.addTask { await worker.updateNames() } }
    }
  }

  private func take(_ pod: KubernetesObject, _ group: inout DiscardingTaskGroup) {
    if let worker = state.withLock({ $0.workers[pod.uid] }) {
      group.addTask { await worker.update(pod) }
      return
    }
    switch pod["spec"]?["nodeName"]?.string ?? "" {
    case "":
      guard !pod.isBeingDeleted, state.withLock({ $0.bound.insert(pod.uid).inserted }) else { return }
      group.addTask { await self.bind(pod) }
    case settings.name where pod.isBeingDeleted:
      // It was another owner's of this name, who is gone.
      group.addTask { await self.forceDelete(pod) }
    case settings.name where !["Succeeded", "Failed"].contains(pod["status"]?["phase"]?.string):
      let worker = PodWorker(pod, node: self)
      state.withLock { $0.workers[pod.uid] = worker }
      group.addTask { await worker.run() }
    default: break
    }
  }

  /// Does what a scheduler does.
  private func bind(_ pod: KubernetesObject) async {
    do throws(KubernetesError) {
      _ = try await client.create(
        .pod, namespace: pod.namespace, name: pod.name, subresource: "binding",
        [
          "apiVersion": "v1", "kind": "Binding",
          "metadata": ["name": .string(pod.name), "uid": .string(pod.uid)],
          "target": ["apiVersion": "v1", "kind": "Node", "name": .string(settings.name)],
        ])
    } catch {
      guard error.code != .notFound, error.code != .conflict, !Task.isCancelled else { return }
      logger.warning("a pod cannot be bound to this node", metadata: ["error": "\(error)"])
      state.withLock { _ = $0.bound.remove(pod.uid) }
    }
  }

  /// Does what a kubelet does when all containers of a deleted pod have ended.
  func forceDelete(_ pod: KubernetesObject) async {
    for attempt in 1...5 {
      do throws(KubernetesError) {
        return try await client.delete(.pod, namespace: pod.namespace, name: pod.name, uid: pod.uid, gracePeriod: 0)
      } catch {
        guard error.code == .unavailable || error.code == .tooManyRequests, !Task.isCancelled else {
          if error.code != .notFound, error.code != .conflict {
            logger.warning("a pod cannot be deleted", metadata: ["error": "\(error)"])
          }
          return
        }
        try? await Task.sleep(for: .milliseconds(100 << attempt))
      }
    }
  }

  /// The text of `/etc/hosts` for a pod.
  func hosts(of sandbox: PodSandbox, namespace: String) -> String {
    state.withLock { $0.names }.hosts(for: sandbox.hostname, addresses: sandbox.addresses, namespace: namespace)
  }

  // MARK: What runs

  private func worker(_ name: String, _ namespace: String) -> PodWorker? {
    state.withLock { state in
      state.workers.values.first { $0.name == name && $0.namespace == namespace }
    }
  }

  /// The namespaces of a running pod; `nil` when there are none, or not yet.
  package func sandbox(of pod: String, in namespace: String) async -> PodSandbox? {
    await worker(pod, namespace)?.sandbox
  }

  /// The names of the containers of a pod on this node, init containers first.
  package func containers(of pod: String, in namespace: String) async -> [String] {
    guard let status = await worker(pod, namespace)?.status else { return [] }
    return (status.initContainers + status.containers).map(\.name)
  }

  /// The lines that a container has written, with those of earlier starts; the newest two thousand.
  package func log(of pod: String, in namespace: String, container: String) async -> [String] {
    worker(pod, namespace)?.log(of: container) ?? []
  }

  /// The process of a container, as this machine numbers it; `nil` while it does not run.
  package func process(of pod: String, in namespace: String, container: String) async -> Int32? {
    await worker(pod, namespace)?.processes[container]?.pid
  }

  /// Runs a command in a container, with its files, its user and its environment, as `kubectl exec` does.
  ///
  /// - Throws: ``PodNetworkError`` when the container does not run.
  package func execute(
    _ command: [String], in pod: String, _ namespace: String, container: String
  ) async throws(PodNetworkError) -> (status: Int32, output: String, errors: String) {
    guard let worker = worker(pod, namespace) else {
      throw PodNetworkError(code: .failed, message: "the pod \(namespace)/\(pod) does not run here")
    }
    let result = try await worker.execute(command, in: container)
    return (result.status.shellCode, result.output, result.errors)
  }
}
