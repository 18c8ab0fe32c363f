import LogLimits
package import Logging
import MeshModel
package import MeshPolicy
package import MeshStore
package import MeshXDS
import ServiceLifecycle
import Synchronization

/// Follows the streams of proxies: registers the Dataplanes that proxies bring, removes them some time after their proxies
/// disconnect, and writes DataplaneInsights.
///
/// ``ProxyRegistry`` decides; this actor performs. Connections, disconnections and rejections are written together after a short
/// delay. Responses and acceptances are counted in memory (see ``LiveInsights``) and written with the rest, so a push to all
/// proxies writes nothing. Without events, nothing runs.
package actor ProxySessions: Service {
  private let store: any ResourceStore
  private let shared: (any SharedStore)?
  private let reconciler: Reconciler
  private let zone: String
  private let giveBackMemory: @Sendable () -> Void
  private let logger: Logger
  /// Proxies that reject all that they get do so for ever, with each change.
  private nonisolated let rejections = Mutex(LogLimit())
  nonisolated let settings: LifecycleSettings
  /// The counts of responses and answers of all streams.
  package nonisolated let counts = StreamCounts()
  /// What the Envoys of proxies count.
  package nonisolated let evidence = EvidenceTable()
  private nonisolated let streams: AuthenticatedStreams
  private(set) var registry = ProxyRegistry()
  private var opening: [String: CheckedContinuation<Result<Void, SessionRefusal>, Never>] = [:]
  private var stopped: CheckedContinuation<Void, Never>?
  private var timer: Task<Void, Never>?

  /// - Parameters:
  ///   - shared: the store's connection to other control planes; `nil` if this one has a store of its own.
  ///   - authenticator: checks which proxy a stream is of; `nil` where nobody has to prove anything.
  ///   - instance: identifies this run of the control plane.
  ///   - removalDelay: how long a registered proxy may be disconnected before its Dataplane is removed.
  ///   - startupGrace: how long a proxy that registered with an earlier run has to reconnect.
  ///   - giveBackMemory: returns unused memory to the system; called after many streams opened or closed.
  package init(
    store: any ResourceStore, shared: (any SharedStore)?, reconciler: Reconciler,
    authenticator: (any ProxyAuthenticating)? = nil, instance: String, zone: String, removalDelay: Duration,
    startupGrace: Duration = .seconds(60),
    giveBackMemory: @escaping @Sendable () -> Void = {}, logger: Logger
  ) {
    self.store = store
    self.shared = shared
    self.reconciler = reconciler
    self.zone = zone
    self.giveBackMemory = giveBackMemory
    self.logger = logger
    streams = AuthenticatedStreams(authenticator)
    settings = LifecycleSettings(
      instance: instance, startTime: .now, isShared: shared != nil, removalDelay: removalDelay,
      startupGrace: max(startupGrace, removalDelay))
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      async let content: Void = self.followStore()
      async let returns: Void = self.followReturns()
      async let revocations: Void = self.streams.follow()
      for await _ in self.counts.news { await self.takeNews() }
      await content
      await returns
      await revocations
    }
    await withCheckedContinuation { continuation in
      stopped = continuation
      handle(.stopping)
    }
    timer?.cancel()
  }

  /// A store may have to load its content first. The first element of its changes says that it has. Later ones may take away
  /// an insight, or bring back the Dataplane of a connected proxy.
  private func followStore() async {
    var hasStarted = false
    for await set in store.changes() {
      guard hasStarted else {
        hasStarted = true
        handle(.started)
        continue
      }
      let lost = set.deleted.lazy.filter { $0.type == .dataplaneInsight }.map { ProxyID(mesh: $0.mesh, name: $0.name) }
      for key in set.deleted where key.type == .dataplane {
        evidence.forget(ProxyID(mesh: key.mesh, name: key.name))
      }
      var written: [ProxyID: Resource] = [:]
      for resource in set.written where resource.type == .dataplane {
        written[ProxyID(mesh: resource.mesh, name: resource.name)] = resource
      }
      handle(.stored(dataplanes: written, lostInsights: Set(lost)))
    }
  }

  private func followReturns() async {
    guard let shared else { return }
    for await _ in shared.returnsToService() { handle(.storeReturned) }
  }

  private func takeNews() {
    let verdicts = counts.takeVerdicts()
    if !verdicts.isEmpty { handle(.verdictsChanged(streams: verdicts)) }
    // Readers of this process get the counts in memory. Only other control planes need written counts.
    if shared != nil, counts.haveChanged { handle(.countsChanged) }
  }

  // MARK: Actions

  private func handle(_ event: ProxyRegistry.Event) {
    let context = LifecycleContext(settings: settings, now: .now, time: .now) { [counts] in counts.status(of: $0) }
    for action in registry.handle(event, context) { perform(action) }
  }

  private func perform(_ action: ProxyRegistry.Action) {
    switch action {
    case .perform(let request, let proxy, let lane):
      Task { handle(.answered(proxy, lane, await answer(request, of: proxy))) }
    case .admit(let stream):
      counts.open(stream)
      opening.removeValue(forKey: stream)?.resume(returning: .success(()))
    case .refuse(let stream, let refusal):
      opening.removeValue(forKey: stream)?.resume(returning: .failure(refusal))
    case .end(let stream, let refusal): streams.end(stream, refusal)
    case .disconnect(let proxy, let traits): Task { await reconciler.disconnect(proxy, traits) }
    case .setTimer(let time):
      timer?.cancel()
      timer = Task {
        guard (try? await Task.sleep(until: time, clock: .continuous)) != nil else { return }
        handle(.timeReached)
      }
    case .takeCounts: handle(.countsTaken(streams: counts.takeChanged()))
    case .findPresent(let proxies): Task { handle(.presentFound(await reconciler.present(of: proxies))) }
    case .readStoredProxies: Task { handle(.storedProxiesRead(await storedProxies())) }
    case .giveBackMemory: giveBackMemory()
    case .log(let line): logger.log(line)
    case .stopped:
      stopped?.resume()
      stopped = nil
    }
  }

  private nonisolated func answer(
    _ request: ProxyLifecycle.Request, of proxy: ProxyID
  ) async -> ProxyLifecycle.Answer {
    let dataplane = ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)
    do throws(StoreError) {
      switch request {
      case .get(let type):
        return .resource(try await store.get(ResourceKey(type: type, mesh: proxy.mesh, name: proxy.name)))
      case .put(let resource, let condition): _ = try await store.put(resource, if: condition)
      case .delete(let condition): try await store.delete(dataplane, if: condition)
      case .find(let instances): return .instances(try await shared?.connected(of: instances) ?? [])
      case .adopt(let resource): return .adopted(await reconciler.adopt(resource))
      case .release: await reconciler.release(proxy)
      case .connect(let traits): await reconciler.connect(proxy, traits)
      }
      return .done
    } catch {
      return .failed(error)
    }
  }

  private nonisolated func storedProxies() async -> Result<ProxyRegistry.StoredProxies, StoreError> {
    do throws(StoreError) {
      var storedProxies = ProxyRegistry.StoredProxies()
      // With a store of its own, a control plane knows that all other runs have ended: see ``LifecycleSettings/known(_:)``.
      if let shared {
        storedProxies.insights = try await store.list(.dataplaneInsight, mesh: nil)
        let instances = storedProxies.insights.compactMap { $0.content(DataplaneInsight.self)?.openInstances }
        if !instances.isEmpty { storedProxies.present = try await shared.connected(of: Set(instances.joined())) }
      }
      storedProxies.dataplanes = try await store.list(.dataplane, mesh: nil)
        .filter { $0.labels[LifecycleSettings.registrationLabel] != nil }
      return .success(storedProxies)
    } catch {
      return .failure(error)
    }
  }

  // MARK: Reads

  /// The administration address of a proxy, from its newest stream; `nil` if it is not connected.
  package func address(of proxy: ProxyID) -> ProxyAddress? { registry[proxy]?.newest?.traits.address }

  /// The subscriptions of a proxy to this control plane that may be newer than the stored ones, oldest first.
  func subscriptions(of proxy: ProxyID) -> [DataplaneInsight.Subscription] {
    registry[proxy]?.subscriptions { counts.status(of: $0) } ?? []
  }

  /// The same for all proxies of a mesh, or of all meshes.
  func subscriptions(mesh: String?) -> [ProxyID: [DataplaneInsight.Subscription]] {
    registry.proxies(ofMesh: mesh).reduce(into: [:]) { $0[$1] = subscriptions(of: $1) }
  }
}

/// The data plane server's streams.
extension ProxySessions: ProxySessionObserver {
  /// Checks who a proxy is that introduced itself, stores its Dataplane, computes its configuration, and then returns.
  package nonisolated func sessionOpened(
    _ session: ProxySession, _ introduction: ProxyIntroduction
  ) async throws(SessionRefusal) {
    let authority = try await streams.open(session, introduction)
    do throws(SessionRefusal) {
      try await open(ProxyOpening(stream: session.id, introduction, zone: zone, authority: authority)).get()
      if let proxy = ProxyID(nodeID: session.nodeID) { evidence.connect(proxy) }
    } catch {
      streams.close(session.id)
      throw error
    }
  }

  private func open(_ opening: ProxyOpening) async -> Result<Void, SessionRefusal> {
    await withCheckedContinuation { continuation in
      self.opening[opening.stream] = continuation
      handle(.opened(opening))
    }
  }

  package func sessionClosed(_ session: ProxySession, end: SessionEnd) async {
    streams.close(session.id)
    if let proxy = ProxyID(nodeID: session.nodeID) { evidence.disconnect(proxy) }
    handle(.closed(stream: session.id))
    counts.close(session.id)
  }

  /// The longest rejection message that is kept, in characters.
  private static let messageLimit = 4_096

  package nonisolated func responseSent(_ session: ProxySession, typeURL: String) {
    counts.sent(session.id, DataplaneInsight.Discovery(typeURL: typeURL))
  }

  package nonisolated func acknowledged(_ session: ProxySession, typeURL: String) {
    counts.acknowledged(session.id, DataplaneInsight.Discovery(typeURL: typeURL))
    guard typeURL == ResourceTypeURL.listener, let proxy = ProxyID(nodeID: session.nodeID) else { return }
    reconciler.forms?.acknowledge(proxy)
  }

  package nonisolated func rejected(_ session: ProxySession, typeURL: String, message: String) {
    guard typeURL != ResourceTypeURL.secret else {
      // The message may contain the secret.
      return logRejection(
        "a proxy rejected a certificate or a header for its collector; the log of its Envoy says why", of: session,
        typeURL)
    }
    guard let discovery = DataplaneInsight.Discovery(typeURL: typeURL) else { return }
    // Envoy includes the rejected content in its message, however long it is.
    let message = message.split(whereSeparator: \.isNewline).joined(separator: " ").printable(atMost: Self.messageLimit)
    counts.rejected(session.id, DataplaneInsight.Rejection(discovery: discovery, time: .now, message: message))
    logRejection(
      "a proxy rejected its configuration", of: session, discovery.rawValue,
      ["type": "\(discovery.rawValue)", "reason": "\(message)"])
  }

  /// Logs a rejection, once a minute for each proxy and type. What the others were about is in the insight.
  private nonisolated func logRejection(
    _ sentence: String, of session: ProxySession, _ type: String, _ metadata: Logger.Metadata = [:]
  ) {
    guard let unlogged = rejections.withLock({ $0.admit("\(type) \(session.nodeID)") }) else { return }
    var metadata = metadata
    metadata["proxy"] = "\(session.nodeID)"
    if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
    logger.warning("\(sentence)", metadata: metadata)
  }
}

extension DataplaneInsight.Discovery {
  /// The kind of a resource type in the counts; `nil` for a type that proxies never get.
  fileprivate init?(typeURL: String) {
    switch typeURL {
    case ResourceTypeURL.cluster: self = .cds
    case ResourceTypeURL.endpoints: self = .eds
    case ResourceTypeURL.listener: self = .lds
    default: return nil
    }
  }
}
