import KubernetesAPI
import Logging
import MeshControl
import MeshKubernetes
import MeshModel
import MeshPolicy
import MeshStore
import MeshStoreKubernetes
import ServiceLifecycle

/// Says in each Mesh and TrafficTrace of the cluster, in its status, what has become of it. One control plane does it, the leader.
///
/// Where a kind has no status, under the CustomResourceDefinitions of Kuma, events say the same. Proxies that come and go must
/// not cause a storm of writes: what changes together is looked at together, mere words wait (``StatusPacing``), and looking
/// takes a small share of the time.
actor StatusWriter: Service {
  private let client: KubernetesClient
  private let store: KubernetesStore
  private let election: LeaderElection
  private let reconciler: Reconciler
  private let events: EventRecorder
  private let unreadable: AsyncStream<Void>
  private let logger: Logger
  private let clock = ContinuousClock()
  private let start = ContinuousClock.now

  /// The meshes whose objects are to be looked at.
  private var concerned: Set<String> = []
  private var concernsUnreadable = false
  private let wake: AsyncStream<Void>.Continuation
  private let wakes: AsyncStream<Void>
  private var pacing = StatusPacing<ResourceKey>(rest: StatusWriter.rest)
  /// What was written last, until the store has it.
  private var written: [ResourceKey: KubernetesObject] = [:]
  /// What events say of the objects that have no status.
  private var announced: [ResourceKey: [Condition]] = [:]
  /// The meshes that are looked at again after a while.
  private var waiting: Set<String> = []
  /// Whether the API server did not take a write of this round. The rest of the round waits, too.
  private var isAway = false
  /// How long the writes of this round took.
  private var writeTime = Duration.zero
  /// The kinds whose status may not be written: it was said already.
  private var refused: Set<ResourceType> = []

  /// How long changes are collected.
  private static let collectTime = Duration.milliseconds(200)
  /// For how long an object is left alone after a write, where only words have changed.
  private static let rest = Duration.seconds(10)
  /// The time between writes, so that they leave requests for others.
  private static let writePause = Duration.milliseconds(20)
  /// How long a failed write is left alone.
  private static let retryTime = Duration.seconds(15)
  /// How long a write is left alone that is not allowed. A change of the object tries again, too.
  private static let refusalTime = Duration.seconds(300)

  init(_ cluster: ClusterConnection, events: EventRecorder, reconciler: Reconciler, logger: Logger) {
    client = cluster.client
    store = cluster.store
    election = cluster.election
    unreadable = cluster.unreadable
    self.events = events
    self.reconciler = reconciler
    self.logger = logger
    (wakes, wake) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withDiscardingTaskGroup { group in
        group.addTask { await self.followStore() }
        group.addTask { await self.followElection() }
        group.addTask { for await _ in self.unreadable { await self.noteUnreadable() } }
        await self.write(&group)
        group.cancelAll()
      }
    }
  }

  // MARK: What is to be looked at

  private func followStore() async {
    for await set in store.changes() {
      for key in set.deleted {
        written[key] = nil
        announced[key] = nil
      }
      guard election.isLeader else { continue }
      for resource in set.written { note(resource.key) }
      for key in set.deleted { note(key) }
    }
  }

  private func followElection() async {
    for await isLeader in election.changes() where isLeader {
      guard await store.loaded() else { return }
      announced = [:]
      noteUnreadable()
      for type in [ResourceType.mesh, .trafficTrace] {
        for resource in (try? store.list(type, mesh: nil)) ?? [] { note(resource.key) }
      }
    }
  }

  private func noteUnreadable() {
    concernsUnreadable = true
    wake.yield()
  }

  /// A resource has changed. Insights change with each answer of an Envoy, and decide nothing; neither do secrets.
  private func note(_ key: ResourceKey) {
    guard key.type != .dataplaneInsight, !key.type.isSecret else { return }
    concern(key.type == .mesh ? key.name : key.mesh)
  }

  private func concern(_ mesh: String) {
    concerned.insert(mesh)
    wake.yield()
  }

  // MARK: Writing

  private func write(_ group: inout DiscardingTaskGroup) async {
    for await _ in wakes {
      try? await Task.sleep(for: Self.collectTime)
      guard election.isLeader, !Task.isCancelled else {
        concerned = []
        continue
      }
      let begin = clock.now
      let meshes = concerned
      concerned = []
      writeTime = .zero
      isAway = false
      if concernsUnreadable {
        concernsUnreadable = false
        if let wait = await showUnreadable() {
          group.addTask {
            try? await Task.sleep(for: wait)
            await self.noteUnreadable()
          }
        }
      }
      for mesh in meshes {
        guard let wait = await show(mesh), waiting.insert(mesh).inserted else { continue }
        group.addTask {
          try? await Task.sleep(for: wait)
          await self.lookAgain(at: mesh)
        }
      }
      // A large mesh takes long to look at. However often it changes, that is a tenth of the time.
      try? await Task.sleep(for: (clock.now - begin - writeTime) * 9)
    }
  }

  private func lookAgain(at mesh: String) {
    waiting.remove(mesh)
    concern(mesh)
  }

  /// Shows the conditions of a mesh and of its policies.
  ///
  /// - Returns: after how long to look again, if that is needed.
  private func show(_ mesh: String) async -> Duration? {
    let key = ResourceKey(type: .mesh, name: mesh)
    let policies = (try? store.list(.trafficTrace, mesh: mesh)) ?? []
    var again: Duration?
    func note(_ wait: Duration?) { again = [again, wait].compactMap { $0 }.min() }
    if let (object, read) = object(of: key) {
      let contents = policies.compactMap { policy in
        policy.content(TrafficTrace.self).map { (name: policy.name, policy: $0) }
      }
      let conditions = Condition.conditions(ofMesh: read.resource, notices: read.notices, policies: contents)
      if let conditions { note(await show(conditions, of: object, key)) }
    }
    for policy in policies {
      guard election.isLeader, !Task.isCancelled else { return nil }
      guard let (object, read) = object(of: policy.key) else { continue }
      let name = policy.name
      let (content, reach) = await reconciler.inspect(mesh) { ($0.mesh, $0.reach(of: name)) }
      let conditions = Condition.conditions(
        ofPolicy: read.resource, notices: read.notices, mesh: content, reach: reach)
      if let conditions { note(await show(conditions, of: object, policy.key)) }
    }
    return again
  }

  private func showUnreadable() async -> Duration? {
    var again: Duration?
    for entry in store.unreadable where entry.type == .mesh || entry.type == .trafficTrace {
      let key = ResourceKey(type: entry.type, mesh: entry.object["mesh"]?.string ?? "", name: entry.object.name)
      let conditions = Condition.conditions(ofUnreadable: entry.message)
      again = [again, await show(conditions, of: entry.object, key)].compactMap { $0 }.min()
    }
    return again
  }

  /// The newest form of an object: of what was written here the store may not know yet.
  private func object(of key: ResourceKey) -> (KubernetesObject, ResourceDocument)? {
    guard var object = store.object(of: key) else { return nil }
    if let own = written[key] {
      if own.uid == object.uid, own.revision > object.revision { object = own } else { written[key] = nil }
    }
    return (try? ResourceDocument(stored: object.document)).map { (object, $0) }
  }

  /// Makes an object show conditions.
  ///
  /// - Returns: after how long to try again, if that is needed.
  private func show(_ conditions: [Condition], of object: KubernetesObject, _ key: ResourceKey) async -> Duration? {
    guard let change = StatusChange(object, showing: conditions, now: .now) else { return nil }
    guard !isAway else { return Self.retryTime }
    let begin = clock.now
    // What events have said is tried again at times: the kind may have got a status meanwhile.
    let isTurn = change.isTurn && announced[key] != conditions
    let wait = pacing.wait(for: key, isTurn: isTurn, now: begin - start)
    guard wait == .zero else { return wait }
    defer { writeTime += clock.now - begin }
    do throws(KubernetesError) {
      written[key] = try await client.patch(
        key.type.kubernetesKind, name: object.name, .merge(change.patch), subresource: "status", fieldManager: "kuma-cp"
      )
      announced[key] = nil
      refused.remove(key.type)
    } catch {
      guard error.code == .notFound || error.code == .kindNotServed else { return note(error, key) }
      announce(conditions, of: object, key)
    }
    pacing.note(key, now: clock.now - start)
    try? await Task.sleep(for: Self.writePause)
    return nil
  }

  /// Says in events what there is no status for. What is well is said only after trouble.
  private func announce(_ conditions: [Condition], of object: KubernetesObject, _ key: ResourceKey) {
    // An object without a status is not told from one that is gone. An event about that does no harm.
    let before = announced.updateValue(conditions, forKey: key) ?? []
    for condition in conditions where !before.contains(condition) {
      let wasTrouble = before.contains { $0.kind == condition.kind && $0.isTrouble }
      guard condition.isTrouble || wasTrouble else { continue }
      events.record(
        condition.isTrouble ? .warning : .normal, about: .init(object), reason: condition.reason,
        message: condition.message)
    }
  }

  /// A status could not be written.
  private func note(_ error: KubernetesError, _ key: ResourceKey) -> Duration? {
    if error.code == .forbidden || error.code == .invalid {
      if refused.insert(key.type).inserted {
        logger.warning(
          "the status of objects cannot be written; everything else goes on",
          metadata: ["kind": "\(key.type.rawValue)", "error": "\(error)"])
      }
      return Self.refusalTime
    }
    logger.debug("a status could not be written", metadata: ["object": "\(key)", "error": "\(error)"])
    isAway = true
    return Self.retryTime
  }
}

extension KubernetesObject {
  /// The version as a number, which grows with each write.
  fileprivate var revision: UInt64 { UInt64(resourceVersion) ?? 0 }
}
