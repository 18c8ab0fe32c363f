import KubernetesAPI
import Logging
import MeshControl
import MeshKubernetes
import MeshModel
import MeshPolicy
import MeshStore
import MeshStoreKubernetes
import OrderedCollections
import ServiceLifecycle
import Synchronization

/// Gives each pod with a sidecar its Dataplane, and tells the reconciler at which addresses services are.
///
/// Every control plane follows pods, Services, namespaces, nodes and Dataplanes; ``PodPlan`` decides what is to be done, and the
/// leader does it.
final class PodController: Service {
  /// How many requests are under way at once.
  private static let requestLimit = 32

  private let cluster: ClusterConnection
  private let reconciler: Reconciler
  private let events: EventRecorder
  private let settings: PodPlan.Settings
  private let worker: PodWorker
  private let inbox: PodInbox
  private let replicas: [KindReplica]
  /// The namespaces of the cluster, with their labels and annotations.
  let namespaces: KindReplica
  private let start = ContinuousClock.now

  init(
    _ cluster: ClusterConnection, settings: PodPlan.Settings, reconciler: Reconciler, events: EventRecorder,
    worker: PodWorker, logger: Logger
  ) {
    self.cluster = cluster
    self.settings = settings
    self.reconciler = reconciler
    self.events = events
    self.worker = worker
    let inbox = PodInbox(logger: logger)
    self.inbox = inbox
    func replica(_ kind: PodPlan.Kind, _ objects: KubernetesKind) -> KindReplica {
      KindReplica(
        client: cluster.client, kind: objects, logger: logger, prune: { PodPlan.prune(kind, $0) },
        onUpdate: { inbox.note($0, of: kind) })
    }
    namespaces = replica(.namespace, .namespace)
    replicas = PodInbox.kinds.filter { $0.0 != .namespace }.map(replica) + [namespaces]
  }

  /// Why this control plane does not know the pods of the cluster yet; `nil` when it knows them, or may not read them.
  func obstacle() -> String? { inbox.obstacle }

  /// What keeps pods from becoming proxies although everything else works; `nil` when nothing does.
  func remark() -> String? { inbox.remark }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        for replica in self.replicas { group.addTask { await replica.run() } }
        group.addTask { await self.followStore() }
        group.addTask {
          for await isLeader in self.cluster.election.changes() { self.inbox.add(.leads(isLeader)) }
        }
        await self.follow(&group)
        group.cancelAll()
      }
    }
  }

  // MARK: What happens

  private func followStore() async {
    let store = cluster.store
    var meshes: Set<String> = []
    for await set in store.changes() {
      let known = meshes
      if set.isWholeState { meshes = [] }
      meshes.subtract(set.deleted.lazy.filter { $0.type == .mesh }.map(\.name))
      meshes.formUnion(set.written.lazy.filter { $0.type == .mesh }.map(\.name))
      if meshes != known || set.isWholeState { inbox.add(.meshes(meshes)) }
      var names: Set<String> = []
      for key in set.written.lazy.map(\.key) + set.deleted where key.type == .dataplane { names.insert(key.name) }
      var present: [KubernetesObject] = []
      var absent: [KubernetesObject] = []
      for name in names {
        guard let names = try? ResourceType.dataplane.kubernetesNames(of: name) else { continue }
        if let object = store.dataplaneObject(namespace: names.namespace, name: names.name) {
          present.append(object)
        } else {
          absent.append(
            KubernetesObject(ResourceType.dataplane.kubernetesKind, namespace: names.namespace, name: names.name))
        }
      }
      if set.isWholeState {
        inbox.add(.replaced(.dataplane, present))
      } else {
        if !absent.isEmpty { inbox.add(.deleted(.dataplane, absent)) }
        if !present.isEmpty { inbox.add(.changed(.dataplane, present)) }
      }
    }
  }

  // MARK: What is to be done

  private func follow(_ group: inout DiscardingTaskGroup) async {
    var plan = PodPlan(settings)
    var underWay = 0
    var hasTold = false
    var alarm: (time: Duration, task: Task<Void, Never>)?
    for await _ in inbox.wakes {
      let (happened, settled) = inbox.take()
      cluster.store.note(goingPods: happened.flatMap(\.goingPods))
      var addresses: [String: ServiceAddress?] = [:]
      for event in happened {
        if event.isAnswer { underWay -= 1 }
        for notice in plan.handle(event, at: .now - start) {
          switch notice {
          case .event(let severity, let object, let reason, let message):
            events.record(severity, about: object, reason: reason, message: message)
          case .serviceAddresses(let changes): addresses.merge(changes) { $1 }
          }
        }
      }
      // Proxies wait for the first addresses, also where there are none.
      let isFirst = !hasTold && settled.contains(.service)
      hasTold = hasTold || isFirst
      if isFirst || !addresses.isEmpty { await reconciler.note(serviceAddresses: addresses) }
      while underWay < Self.requestLimit, cluster.election.isLeader, let work = plan.next(at: .now - start) {
        underWay += 1
        // Proxies that lose an address come first, also on a processor.
        group.addTask(priority: .utility) { self.inbox.add(await self.worker.perform(work)) }
      }
      guard alarm?.time != plan.nextTry else { continue }
      alarm?.task.cancel()
      alarm = plan.nextTry.map { time in (time, Task { await self.wake(at: time) }) }
    }
    alarm?.task.cancel()
  }

  private func wake(at time: Duration) async {
    guard (try? await Task.sleep(until: start + time, clock: .continuous)) != nil else { return }
    inbox.wake()
  }
}

extension PodPlan.Event {
  /// Whether it ends work that was given.
  fileprivate var isAnswer: Bool {
    switch self {
    case .done, .found, .failed: true
    default: false
    }
  }

  /// The pods that it says are going for good.
  fileprivate var goingPods: [PodIdentity] {
    switch self {
    case .replaced(.pod, let pods), .changed(.pod, let pods): pods.filter(\.isGoing).map(PodIdentity.init)
    case .deleted(.pod, let pods): pods.map(PodIdentity.init)
    default: []
    }
  }
}

extension KubernetesObject {
  /// Whether a pod is being deleted or has ended.
  fileprivate var isGoing: Bool {
    isBeingDeleted || ["Succeeded", "Failed"].contains(document["status"]?["phase"]?.string)
  }
}

extension PodIdentity {
  fileprivate init(_ pod: KubernetesObject) {
    self.init(namespace: pod.namespace ?? "", name: pod.name, uid: pod.uid)
  }
}
