import Logging
import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS
import ServiceLifecycle
import Synchronization

/// Follows the streams of proxies: registers Dataplanes that proxies bring along, removes them when their proxies are
/// gone for good, and writes what is known of each proxy into its DataplaneInsight.
///
/// Counts are written together a moment after they change, not one by one, and nothing runs while nothing happens.
actor ProxySessions: Service {
  /// What a proxy tells of itself when its stream opens.
  struct Introduction: Sendable {
    /// Envoy's node id.
    var nodeID: String
    /// The Dataplane that the proxy brings along, as a document; `nil` when it was created by other means.
    var dataplane: String?
    /// What runs there.
    var version: DataplaneInsight.ProxyVersion
    /// Where it can be asked about itself.
    var whereabouts: Whereabouts
  }

  /// Where a connected proxy can be asked about itself.
  struct Whereabouts: Sendable, Hashable {
    /// The address from which it is connected, in gRPC's form: `ipv4:127.0.0.1:40000`.
    var peer: String
    /// The port of its Envoy's administration interface, at its machine's loopback address; `nil` when it names none.
    var adminPort: UInt16?
  }

  /// A proxy's stream is refused.
  struct Refusal: Error, CustomStringConvertible {
    /// Whether trying again later can help.
    var isTemporary: Bool
    /// What is wrong and what to do.
    var description: String
  }

  private struct Session {
    var proxy: ProxyID
    var subscription: DataplaneInsight.Subscription
    /// The Dataplane that the proxy has brought along.
    var registration: Resource?
    var whereabouts: Whereabouts
    /// The rejections that no acceptance of their kind has followed.
    var rejections: [DataplaneInsight.Discovery: DataplaneInsight.Rejection] = [:]
  }

  /// The label of Dataplanes that are there only as long as their proxy.
  static let registrationLabel = "kuma-trace.io/registered-by"

  /// A Dataplane that is to be removed.
  private struct Removal {
    var time: ContinuousClock.Instant
    /// What the removal was decided on: whoever registers the proxy anew, here or at another control plane, changes it.
    var revision: UInt64?
  }

  private let store: any ResourceStore
  /// The store, where other control planes use it too.
  private let shared: (any SharedStore)?
  private let reconciler: Reconciler
  private let instance: String
  private let zone: String
  private let removalDelay: Duration
  private let startupGrace: Duration
  private let logger: Logger
  private let clock = ContinuousClock()

  private var sessions: [String: Session] = [:]
  private var streams: [ProxyID: Set<String>] = [:]
  /// The insights of proxies that are or were connected to this control plane.
  private var insights: [ProxyID: DataplaneInsight] = [:]
  private var dirty: Set<ProxyID> = []
  /// When a registered Dataplane is removed unless its proxy comes back.
  private var removals: [ProxyID: Removal] = [:]
  /// Proxies of which something could not be written, until the store is back.
  private var unwritten: Set<ProxyID> = []
  private let wake: AsyncStream<Void>
  private let wakeUp: AsyncStream<Void>.Continuation
  /// What became of all responses since the start.
  private(set) var responses = DataplaneInsight.Counts()

  /// - Parameters:
  ///   - instance: identifies this run of the control plane.
  ///   - removalDelay: how long a registered proxy may be away.
  ///   - startupGrace: how long proxies that registered with an earlier run have to come back.
  init(
    store: any ResourceStore, reconciler: Reconciler, instance: String, zone: String, removalDelay: Duration,
    startupGrace: Duration = .seconds(60), logger: Logger
  ) {
    self.store = store
    shared = store as? any SharedStore
    self.reconciler = reconciler
    self.instance = instance
    self.zone = zone
    self.removalDelay = removalDelay
    self.startupGrace = max(startupGrace, removalDelay)
    self.logger = logger
    (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  // MARK: Streams

  /// A proxy has introduced itself on a stream. Its Dataplane is stored and its configuration computed when this returns.
  ///
  /// - Returns: the proxy.
  func open(stream: String, _ introduction: Introduction) async throws(Refusal) -> ProxyID {
    guard let proxy = ProxyID(nodeID: introduction.nodeID) else {
      throw Refusal(
        isTemporary: false, description: "the node id \"\(introduction.nodeID)\" has to be <mesh>.<dataplane name>")
    }
    let registration = try await register(introduction.dataplane, of: proxy)
    removals[proxy] = nil
    let subscription = DataplaneInsight.Subscription(
      id: stream, controlPlaneInstanceId: instance, connectTime: .now, version: introduction.version)
    sessions[stream] = Session(
      proxy: proxy, subscription: subscription, registration: registration, whereabouts: introduction.whereabouts)
    streams[proxy, default: []].insert(stream)
    if insights[proxy] == nil {
      let key = ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name)
      let stored = try? await store.get(key)
      insights[proxy] = stored?.content(DataplaneInsight.self) ?? DataplaneInsight()
    }
    insights[proxy]?.subscriptions.append(subscription)
    if let count = insights[proxy]?.subscriptions.count, count > DataplaneInsight.subscriptionLimit {
      insights[proxy]?.subscriptions.removeFirst(count - DataplaneInsight.subscriptionLimit)
    }
    await reconciler.connect(proxy)
    touch(proxy)
    logger.info("proxy connected", metadata: ["proxy": "\(proxy)", "stream": "\(stream)"])
    return proxy
  }

  private func register(_ document: String?, of proxy: ProxyID) async throws(Refusal) -> Resource? {
    guard let document, !document.isEmpty else { return nil }
    let resource: Resource
    do {
      guard let first = try ResourceDocument.all(in: document).first?.resource else {
        throw Refusal(isTemporary: false, description: "the proxy's Dataplane is empty")
      }
      resource = first
    } catch let error as Refusal {
      throw error
    } catch {
      throw Refusal(isTemporary: false, description: "the proxy's Dataplane cannot be read: \(error)")
    }
    guard let content = resource.content(Dataplane.self) else {
      throw Refusal(isTemporary: false, description: "the proxy brings a \(resource.type.rawValue), not a Dataplane")
    }
    let violations = resource.violations()
    guard violations.isEmpty else {
      let list = violations.map(\.description).joined(separator: "; ")
      throw Refusal(isTemporary: false, description: "the proxy's Dataplane is not valid: \(list)")
    }
    var labels = resource.labels
    labels[Self.registrationLabel] = "kuma-dp"
    let wanted = Resource(
      mesh: proxy.mesh, name: proxy.name, spec: content.settingZone(zone).spec, labels: labels)
    do throws(StoreError) {
      let old = try await store.get(wanted.key)
      let isKnown = old?.spec == wanted.spec && old?.labels == wanted.labels
      // Another control plane may be about to remove it: the write tells it not to.
      if isKnown, shared == nil { return wanted }
      do throws(StoreError) {
        try await store.put(wanted)
      } catch {
        guard isKnown, error.code == .unavailable else { throw error }
        // What is known is served; the write is made up for.
        unwritten.insert(proxy)
      }
    } catch {
      switch error.code {
      case .meshNotFound:
        throw Refusal(
          isTemporary: true,
          description: "mesh \"\(proxy.mesh)\" does not exist; create it with kumactl apply, the proxy keeps trying")
      default: throw Refusal(isTemporary: true, description: error.message)
      }
    }
    return wanted
  }

  /// A response was sent on a stream.
  func sent(stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery) { $0.responsesSent &+= 1 }
  }

  /// A proxy has accepted a response.
  func acknowledged(stream: String, _ discovery: DataplaneInsight.Discovery?) {
    count(stream, discovery) { $0.responsesAcknowledged &+= 1 }
    guard let discovery else { return }
    sessions[stream]?.subscription.status.lastAcknowledgementTime = .now
    note(nil, of: discovery, on: stream)
  }

  /// A proxy has refused a response.
  func rejected(stream: String, _ discovery: DataplaneInsight.Discovery?, message: String) {
    count(stream, discovery) { $0.responsesRejected &+= 1 }
    guard let discovery, let proxy = sessions[stream]?.proxy else { return }
    // Envoy ends its reasons with a line feed, and joins several with one; a log has one line per event.
    let message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    note(DataplaneInsight.Rejection(discovery: discovery, time: .now, message: message), of: discovery, on: stream)
    logger.warning(
      "a proxy rejected its configuration",
      metadata: ["proxy": "\(proxy)", "type": "\(discovery.rawValue)", "reason": "\(message)"])
  }

  /// Notes what stands of a kind of configuration: an accepted one says nothing of another that is still refused.
  private func note(
    _ rejection: DataplaneInsight.Rejection?, of discovery: DataplaneInsight.Discovery, on stream: String
  ) {
    guard var session = sessions[stream] else { return }
    session.rejections[discovery] = rejection
    session.subscription.status.lastRejection = session.rejections.values.max { $0.time < $1.time }
    sessions[stream] = session
  }

  private func count(
    _ stream: String, _ discovery: DataplaneInsight.Discovery?,
    _ change: (inout DataplaneInsight.Counts) -> Void
  ) {
    change(&responses)
    guard let proxy = sessions[stream]?.proxy, let discovery else { return }
    var counts = sessions[stream]?.subscription.status.counts[discovery] ?? DataplaneInsight.Counts()
    change(&counts)
    sessions[stream]?.subscription.status.counts[discovery] = counts
    sessions[stream]?.subscription.status.lastUpdateTime = .now
    touch(proxy)
  }

  /// A stream has ended.
  func close(stream: String) async {
    guard var session = sessions.removeValue(forKey: stream) else { return }
    let proxy = session.proxy
    session.subscription.disconnectTime = .now
    merge(session.subscription, of: proxy)
    streams[proxy]?.remove(stream)
    if streams[proxy]?.isEmpty == true {
      streams[proxy] = nil
      if session.registration != nil { await scheduleRemoval(of: proxy, at: clock.now + removalDelay) }
    }
    await reconciler.disconnect(proxy)
    touch(proxy)
    logger.info("proxy disconnected", metadata: ["proxy": "\(proxy)", "stream": "\(stream)"])
  }

  /// Where a proxy can be asked about itself, by its newest stream; `nil` when it is not connected.
  func whereabouts(of proxy: ProxyID) -> Whereabouts? {
    (streams[proxy] ?? []).compactMap { sessions[$0] }
      .max { $0.subscription.connectTime < $1.subscription.connectTime }?.whereabouts
  }

  private func touch(_ proxy: ProxyID) {
    dirty.insert(proxy)
    wakeUp.yield()
  }

  private func merge(_ subscription: DataplaneInsight.Subscription, of proxy: ProxyID) {
    guard let index = insights[proxy]?.subscriptions.firstIndex(where: { $0.id == subscription.id }) else { return }
    insights[proxy]?.subscriptions[index] = subscription
  }

  // MARK: Writing

  func run() async throws {
    await settle()
    await cancelWhenGracefulShutdown {
      async let others: Void = self.followOthers()
      for await _ in self.wake {
        repeat {
          try? await Task.sleep(for: Self.pause)
          await self.work()
        } while await self.hasWork && !Task.isCancelled
      }
      await others
    }
    // The proxies are told nothing and keep running; only what is known of them is written down.
    for session in sessions.values {
      var subscription = session.subscription
      subscription.disconnectTime = .now
      merge(subscription, of: session.proxy)
      dirty.insert(session.proxy)
    }
    sessions = [:]
    await flush()
  }

  private var hasWork: Bool { !dirty.isEmpty || !removals.isEmpty }

  /// How long to gather counts; while removals are due, also how soon news is seen.
  private static let pause = Duration.milliseconds(250)

  private func work() async {
    await flush()
    let now = clock.now
    for (proxy, removal) in removals where removal.time <= now {
      removals[proxy] = nil
      await remove(proxy, removal)
    }
  }

  private func flush() async {
    for session in sessions.values where dirty.contains(session.proxy) {
      merge(session.subscription, of: session.proxy)
    }
    let proxies = dirty
    dirty = []
    let failures = await withTaskGroup(of: (ProxyID, StoreError)?.self) { group in
      for proxy in proxies {
        guard let insight = insights[proxy] else { continue }
        group.addTask { await self.write(insight, of: proxy).map { (proxy, $0) } }
      }
      var failures: [ProxyID: StoreError] = [:]
      for await case let (proxy, error)? in group { failures[proxy] = error }
      return failures
    }
    if let (proxy, error) = failures.first {
      logger.warning(
        "what is known of proxies cannot be stored",
        metadata: ["proxies": "\(failures.count)", "proxy": "\(proxy)", "error": "\(error)"])
      // A store that tells when it is back is asked then.
      if shared != nil { unwritten.formUnion(failures.keys) }
    }
    for proxy in proxies where streams[proxy] == nil && !unwritten.contains(proxy) { insights[proxy] = nil }
  }

  /// - Returns: why it could not be written.
  private func write(_ insight: DataplaneInsight, of proxy: ProxyID) async -> StoreError? {
    let key = ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name)
    while true {
      do throws(StoreError) {
        // Without a Dataplane there is nothing to know about.
        guard try await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) != nil else {
          return nil
        }
        guard shared != nil else {
          try await store.put(Resource(mesh: proxy.mesh, name: proxy.name, spec: insight.spec))
          return nil
        }
        let stored = try await store.get(key)
        let merged = insight.merged(
          into: stored?.content(DataplaneInsight.self) ?? DataplaneInsight(), by: instance)
        _ = try await store.put(
          Resource(mesh: proxy.mesh, name: proxy.name, spec: merged.spec),
          if: stored.map { .revision($0.revision) } ?? .absent)
        return nil
      } catch {
        switch error.code {
        // Another control plane was faster, and what it wrote is known now.
        case .conflict where !Task.isCancelled: continue
        case .meshNotFound, .conflict: return nil
        default: return error
        }
      }
    }
  }

  private func scheduleRemoval(of proxy: ProxyID, at time: ContinuousClock.Instant) async {
    let present = try? await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name))
    guard streams[proxy] == nil else { return }
    removals[proxy] = Removal(time: time, revision: present?.revision)
    wakeUp.yield()
  }

  private func remove(_ proxy: ProxyID, _ removal: Removal) async {
    let key = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
    do throws(StoreError) {
      guard let resource = try await store.get(key), resource.labels[Self.registrationLabel] != nil else { return }
      let insight = try await store.get(ResourceKey(type: .dataplaneInsight, mesh: proxy.mesh, name: proxy.name))
      let isElsewhere = try await isConnectedElsewhere(insight?.content(DataplaneInsight.self))
      guard streams[proxy] == nil, !isElsewhere else { return }
      try await store.delete(key, if: removal.revision.map { .revision($0) } ?? .always)
      logger.info("a proxy is gone, its Dataplane is removed", metadata: ["proxy": "\(proxy)"])
    } catch {
      switch error.code {
      case .notFound: return
      // Written meanwhile, perhaps by the control plane to which the proxy has gone: that one's insight will tell.
      case .conflict: await scheduleRemoval(of: proxy, at: clock.now + max(removalDelay, .seconds(1)))
      default:
        logger.warning("a Dataplane cannot be removed", metadata: ["proxy": "\(proxy)", "error": "\(error)"])
        removals[proxy] = Removal(time: clock.now + .seconds(5), revision: removal.revision)
        wakeUp.yield()
      }
    }
  }

  // MARK: Earlier runs and other control planes

  /// What earlier runs and control planes that were killed left behind: connections that seem to last, and proxies that
  /// may be gone. What belongs to a control plane that is there is left to it.
  private func settle() async {
    let deadline = clock.now + startupGrace
    do throws(StoreError) {
      var insights: [ProxyID: (content: DataplaneInsight, revision: UInt64)] = [:]
      for resource in try await store.list(.dataplaneInsight, mesh: nil) {
        guard let content = resource.content(DataplaneInsight.self) else { continue }
        insights[ProxyID(mesh: resource.mesh, name: resource.name)] = (content, resource.revision)
      }
      let present = try await connected(of: Set(insights.values.flatMap { $0.content.openInstances }))
      for resource in try await store.list(.dataplane, mesh: nil) where resource.labels[Self.registrationLabel] != nil {
        let proxy = ProxyID(mesh: resource.mesh, name: resource.name)
        guard streams[proxy] == nil, removals[proxy] == nil,
          insights[proxy]?.content.openInstances.isDisjoint(with: present) != false
        else { continue }
        removals[proxy] = Removal(time: deadline, revision: resource.revision)
      }
      for (proxy, insight) in insights where streams[proxy] == nil {
        var settled = insight.content
        for index in settled.subscriptions.indices
        where settled.subscriptions[index].disconnectTime == nil
          && !present.contains(settled.subscriptions[index].controlPlaneInstanceId)
        {
          settled.subscriptions[index].disconnectTime = .now
        }
        guard settled != insight.content else { continue }
        do throws(StoreError) {
          _ = try await store.put(
            Resource(mesh: proxy.mesh, name: proxy.name, spec: settled.spec), if: .revision(insight.revision))
        } catch {
          // Somebody else was faster, with this or with news.
          guard [.conflict, .meshNotFound].contains(error.code) else { throw error }
        }
      }
    } catch {
      logger.warning("what others left cannot be settled", metadata: ["error": "\(error)"])
    }
    if !removals.isEmpty { wakeUp.yield() }
  }

  /// Which control planes are there, this one included.
  private func connected(of instances: Set<String>) async throws(StoreError) -> Set<String> {
    guard let shared else { return instances.intersection([instance]) }
    return instances.isEmpty ? [] : try await shared.connected(of: instances)
  }

  private func isConnectedElsewhere(_ insight: DataplaneInsight?) async throws(StoreError) -> Bool {
    guard let shared, let others = insight?.openInstances.subtracting([instance]), !others.isEmpty else { return false }
    return try await !shared.connected(of: others).isEmpty
  }

  /// Looks after what other control planes leave, rarely, and makes up for what could not be written.
  private func followOthers() async {
    guard let shared else { return }
    async let repair: Void = settleRarely()
    for await _ in shared.returnsToService() { await makeUp() }
    await repair
  }

  private func settleRarely() async {
    while true {
      do { try await Task.sleep(for: startupGrace) } catch { return }
      await settle()
    }
  }

  /// The store is back. Others may have taken this control plane for gone, and its proxies with it.
  private func makeUp() async {
    for session in sessions.values {
      dirty.insert(session.proxy)
      guard let registration = session.registration else { continue }
      do throws(StoreError) {
        if unwritten.contains(session.proxy) {
          try await store.put(registration)
        } else if try await store.get(registration.key) == nil {
          _ = try await store.put(registration, if: .absent)
        }
      } catch {
        guard error.code != .conflict else { continue }
        logger.warning(
          "a proxy cannot be registered again", metadata: ["proxy": "\(session.proxy)", "error": "\(error)"])
      }
    }
    dirty.formUnion(unwritten)
    unwritten = []
    wakeUp.yield()
  }
}
