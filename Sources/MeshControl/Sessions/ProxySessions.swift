package import Logging
import MeshModel
package import MeshPolicy
package import MeshStore
package import MeshXDS
import ServiceLifecycle
import Synchronization

/// Follows the streams of proxies: registers Dataplanes that proxies bring along, removes them when their proxies are
/// gone for good, and writes what is known of each proxy into its DataplaneInsight.
///
/// What is written is that proxies come, go and refuse something, together a moment later. What was sent and accepted is
/// counted in memory, see ``LiveInsights``, and written along; a push to all proxies writes nothing. Nothing runs while nothing
/// happens.
package actor ProxySessions: Service {
  /// A proxy's stream is refused.
  struct Refusal: Error, CustomStringConvertible {
    /// Whether trying again later can help.
    var isTemporary: Bool
    /// What is wrong and what to do.
    var description: String

    /// What a proxy says breaks rules.
    static func invalid(_ what: String, _ violations: [Violation]) -> Refusal {
      Refusal(isTemporary: false, description: "the proxy's \(what) is not valid: \(Violation.list(violations))")
    }
  }

  struct Session {
    var proxy: ProxyID
    var subscription: DataplaneInsight.Subscription
    /// The Dataplane that the proxy has brought along.
    var registration: Resource?
    var address: ProxyAddress
  }

  /// How many streams of proxies of one name there may be at a time: one, where everything is as it should be.
  static let streamsOfOneName = 64

  /// The label of Dataplanes that are there only as long as their proxy.
  static let registrationLabel = "kuma-trace.io/registered-by"

  /// A Dataplane that is to be removed.
  struct Removal {
    var time: ContinuousClock.Instant
    /// What the removal was decided on: whoever registers the proxy anew, here or at another control plane, changes it.
    var revision: UInt64?
  }

  let store: any ResourceStore
  /// The store, where other control planes use it too.
  let shared: (any SharedStore)?
  let reconciler: Reconciler
  let instance: String
  let zone: String
  let removalDelay: Duration
  let startupGrace: Duration
  let logger: Logger
  /// Gives memory that nothing uses back to the system.
  let giveBackMemory: @Sendable () -> Void
  let clock = ContinuousClock()
  /// When this run began, and connections to earlier ones had ended.
  let startTime = Timestamp.now

  var sessions: [String: Session] = [:]
  var streams: [ProxyID: Set<String>] = [:]
  /// Subscriptions that have ended and are not written yet.
  var ended: [ProxyID: [DataplaneInsight.Subscription]] = [:]
  /// Proxies that came, went or refused something: what is known of them is to be written soon.
  var dirty: Set<ProxyID> = []
  /// When a registered Dataplane is removed unless its proxy comes back.
  var removals: [ProxyID: Removal] = [:]
  /// Dataplanes of proxies that are gone, in the place of which those of others are to be put that claim the same name.
  var succession: [ProxyID: Resource] = [:]
  /// Proxies of which something could not be written, until the store is back.
  var unwritten: Set<ProxyID> = []
  /// Streams that began and ended since memory was given back.
  var moves = 0
  /// What streams were sent and how they were answered.
  package nonisolated let counts = StreamCounts()
  /// Streams that refused something, or no longer do.
  let verdicts = Mutex<Set<String>>([])
  let wake: AsyncStream<Void>
  let wakeUp: AsyncStream<Void>.Continuation
  let countChanges: AsyncStream<Void>
  let countsChanged: AsyncStream<Void>.Continuation

  /// - Parameters:
  ///   - instance: identifies this run of the control plane.
  ///   - removalDelay: how long a registered proxy may be away.
  ///   - startupGrace: how long proxies that registered with an earlier run have to come back.
  ///   - giveBackMemory: called after many streams came or went.
  package init(
    store: any ResourceStore, reconciler: Reconciler, instance: String, zone: String, removalDelay: Duration,
    startupGrace: Duration = .seconds(60), giveBackMemory: @escaping @Sendable () -> Void = {}, logger: Logger
  ) {
    self.store = store
    shared = store as? any SharedStore
    self.reconciler = reconciler
    self.instance = instance
    self.zone = zone
    self.removalDelay = removalDelay
    self.startupGrace = max(startupGrace, removalDelay)
    self.giveBackMemory = giveBackMemory
    self.logger = logger
    (wake, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    (countChanges, countsChanged) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  // MARK: Streams

  /// A proxy has introduced itself on a stream. Its Dataplane is stored and its configuration computed when this returns.
  ///
  /// - Returns: the proxy.
  func open(stream: String, _ introduction: ProxyIntroduction) async throws(Refusal) -> ProxyID {
    guard let proxy = ProxyID(nodeID: introduction.nodeID) else {
      let id = introduction.nodeID.printable(atMost: 100)
      throw Refusal(isTemporary: false, description: "the node id \"\(id)\" has to be <mesh>.<dataplane name>")
    }
    guard streams[proxy]?.count ?? 0 < Self.streamsOfOneName else {
      throw Refusal(
        isTemporary: true,
        description:
          "\(Self.streamsOfOneName) streams of proxies of this name are open; give each proxy a name of its own")
    }
    let registration = try await registration(introduction.dataplane, of: proxy)
    if let registration { try await register(registration, of: proxy) }
    removals[proxy] = nil
    let subscription = DataplaneInsight.Subscription(
      id: stream, controlPlaneInstanceId: instance, connectTime: .now, version: introduction.version,
      peer: introduction.address.identify(registration))
    sessions[stream] = Session(
      proxy: proxy, subscription: subscription, registration: registration, address: introduction.address)
    counts.open(stream)
    moves += 1
    let claims = claims(of: proxy).count
    streams[proxy, default: []].insert(stream)
    await reconciler.connect(proxy, drainTime: introduction.drainTime)
    touch(proxy)
    logger.info("proxy connected", metadata: ["proxy": "\(proxy)", "stream": "\(stream)"])
    if self.claims(of: proxy).count > claims { warnOfClaims(of: proxy) }
    return proxy
  }

  /// A stream has ended.
  func close(stream: String) async {
    guard var session = sessions.removeValue(forKey: stream) else { return }
    let proxy = session.proxy
    session.subscription.status = counts.status(of: stream)
    session.subscription.disconnectTime = .now
    counts.close(stream)
    moves += 1
    ended[proxy, default: []].append(session.subscription)
    streams[proxy]?.remove(stream)
    if streams[proxy]?.isEmpty == true {
      streams[proxy] = nil
      succession[proxy] = nil
      if session.registration != nil { await scheduleRemoval(of: proxy, at: clock.now + removalDelay) }
    } else if let lost = session.registration {
      succession[proxy] = lost
      await succeed(proxy)
    }
    await reconciler.disconnect(proxy)
    touch(proxy)
    logger.info("proxy disconnected", metadata: ["proxy": "\(proxy)", "stream": "\(stream)"])
  }

  /// Where a proxy can be asked about itself, by its newest stream; `nil` when it is not connected.
  package func address(of proxy: ProxyID) -> ProxyAddress? {
    newestSession(of: proxy)?.address
  }

  /// The session of a proxy's newest stream; `nil` when it is not connected.
  func newestSession(of proxy: ProxyID) -> Session? {
    (streams[proxy] ?? []).compactMap { sessions[$0] }
      .max { ($0.subscription.connectTime, $0.subscription.id) < ($1.subscription.connectTime, $1.subscription.id) }
  }

  func touch(_ proxy: ProxyID) {
    dirty.insert(proxy)
    wakeUp.yield()
  }
}
