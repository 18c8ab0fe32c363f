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
    var registered: Bool
    var whereabouts: Whereabouts
    /// The rejections that no acceptance of their kind has followed.
    var rejections: [DataplaneInsight.Discovery: DataplaneInsight.Rejection] = [:]
  }

  /// The label of Dataplanes that are there only as long as their proxy.
  static let registrationLabel = "kuma-trace.io/registered-by"

  private let store: any ResourceStore
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
  private var removals: [ProxyID: ContinuousClock.Instant] = [:]
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
    let registered = try await register(introduction.dataplane, of: proxy)
    removals[proxy] = nil
    let subscription = DataplaneInsight.Subscription(
      id: stream, controlPlaneInstanceId: instance, connectTime: .now, version: introduction.version)
    sessions[stream] = Session(
      proxy: proxy, subscription: subscription, registered: registered, whereabouts: introduction.whereabouts)
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

  private func register(_ document: String?, of proxy: ProxyID) async throws(Refusal) -> Bool {
    guard let document, !document.isEmpty else { return false }
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
      if let old = try await store.get(wanted.key), old.spec == wanted.spec, old.labels == wanted.labels { return true }
      try await store.put(wanted)
    } catch {
      switch error.code {
      case .meshNotFound:
        throw Refusal(
          isTemporary: true,
          description: "mesh \"\(proxy.mesh)\" does not exist; create it with kumactl apply, the proxy keeps trying")
      default: throw Refusal(isTemporary: true, description: error.message)
      }
    }
    return true
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
      if session.registered { removals[proxy] = clock.now + removalDelay }
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
    await settleEarlierRun()
    await cancelWhenGracefulShutdown {
      for await _ in self.wake {
        repeat {
          try? await Task.sleep(for: Self.pause)
          await self.work()
        } while await self.hasWork && !Task.isCancelled
      }
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
    for (proxy, time) in removals where time <= now {
      removals[proxy] = nil
      await remove(proxy)
    }
  }

  private func flush() async {
    for session in sessions.values where dirty.contains(session.proxy) {
      merge(session.subscription, of: session.proxy)
    }
    let proxies = dirty
    dirty = []
    await withTaskGroup { group in
      for proxy in proxies {
        guard let insight = insights[proxy] else { continue }
        group.addTask { await self.write(insight, of: proxy) }
      }
    }
    for proxy in proxies where streams[proxy] == nil { insights[proxy] = nil }
  }

  private func write(_ insight: DataplaneInsight, of proxy: ProxyID) async {
    do throws(StoreError) {
      // Without a Dataplane there is nothing to know about.
      guard try await store.get(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) != nil else {
        return
      }
      try await store.put(Resource(mesh: proxy.mesh, name: proxy.name, spec: insight.spec))
    } catch {
      guard error.code != .meshNotFound else { return }
      logger.warning(
        "what is known of a proxy cannot be stored", metadata: ["proxy": "\(proxy)", "error": "\(error)"])
    }
  }

  private func remove(_ proxy: ProxyID) async {
    let key = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
    do throws(StoreError) {
      guard let resource = try await store.get(key), resource.labels[Self.registrationLabel] != nil else { return }
      guard streams[proxy] == nil else { return }
      try await store.delete(key)
      logger.info("a proxy is gone, its Dataplane is removed", metadata: ["proxy": "\(proxy)"])
    } catch {
      guard error.code != .notFound else { return }
      logger.warning("a Dataplane cannot be removed", metadata: ["proxy": "\(proxy)", "error": "\(error)"])
      removals[proxy] = clock.now + .seconds(5)
      wakeUp.yield()
    }
  }

  /// What an earlier run left behind when it was killed: connections that seem to last, and proxies that may be gone.
  private func settleEarlierRun() async {
    let deadline = clock.now + startupGrace
    do throws(StoreError) {
      for resource in try await store.list(.dataplane, mesh: nil) where resource.labels[Self.registrationLabel] != nil {
        let proxy = ProxyID(mesh: resource.mesh, name: resource.name)
        if streams[proxy] == nil { removals[proxy] = deadline }
      }
      for resource in try await store.list(.dataplaneInsight, mesh: nil) {
        let proxy = ProxyID(mesh: resource.mesh, name: resource.name)
        guard let insight = resource.content(DataplaneInsight.self), streams[proxy] == nil, insight.isOnline else {
          continue
        }
        var settled = insight
        for index in settled.subscriptions.indices where settled.subscriptions[index].disconnectTime == nil {
          settled.subscriptions[index].disconnectTime = .now
        }
        await write(settled, of: proxy)
      }
    } catch {
      logger.warning("what an earlier run left cannot be read", metadata: ["error": "\(error)"])
    }
    if !removals.isEmpty { wakeUp.yield() }
  }
}
