package import Logging
import MeshModel
package import MeshPolicy
package import MeshStore
package import MeshXDS
import ServiceLifecycle

/// Keeps the configuration of every connected proxy up to date with the store.
///
/// ``ReconcilePlan`` names the proxies that a change affects. Their snapshots are computed again and put into the cache, which
/// pushes those that differ. Without changes, nothing runs.
package actor Reconciler: Service {
  /// Counters for metrics and tests.
  package struct Counters: Sendable {
    /// Change sets applied.
    package var changeSets = 0
    /// Resources in them.
    package var changes = 0
    /// Proxy configurations computed.
    package var computed = 0
    /// Changed snapshots handed to the cache.
    package var published = 0
  }

  private let store: any ResourceStore
  private let translator: any ProxyTranslating
  private let cache: SnapshotCache
  private let resolver: AddressResolver
  /// Decides the form of reports; `nil`: reports to backends with `apiVersion: auto` are JSON.
  nonisolated let forms: ReportFormSelector?
  private let logger: Logger
  private var plan: ReconcilePlan
  private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
  private var lastWaiter = 0
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let ends: AsyncStream<Duration>
  private let end: AsyncStream<Duration>.Continuation
  package private(set) var counters = Counters()
  private var envoyVersions: [ProxyID: String] = [:]

  /// - Parameters:
  ///   - awaitsServiceAddresses: whether proxies wait for ``note(serviceAddresses:)``.
  ///   - awaitsOwnCollector: whether proxies wait for ``use(ownCollector:)``.
  package init(
    store: any ResourceStore, translator: any ProxyTranslating, cache: SnapshotCache, resolver: AddressResolver,
    forms: ReportFormSelector? = nil, awaitsServiceAddresses: Bool = false, awaitsOwnCollector: Bool = false,
    logger: Logger
  ) {
    plan = ReconcilePlan(awaitsServiceAddresses: awaitsServiceAddresses, awaitsOwnCollector: awaitsOwnCollector)
    self.store = store
    self.translator = translator
    self.cache = cache
    self.resolver = resolver
    self.forms = forms
    self.logger = logger
    start = clock.now
    (ends, end) = AsyncStream.makeStream()
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      async let names: Void = self.followNames()
      async let choices: Void = self.followForms()
      async let withdrawals: Void = self.followWithdrawals()
      await self.followStore()
      self.end.finish()
      await names
      await choices
      await withdrawals
    }
  }

  private func followStore() async {
    for await set in store.changes() {
      counters.changeSets += 1
      counters.changes += set.written.count + set.deleted.count
      handle(.changed(set))
    }
    handle(.storeEnded)
  }

  private func followNames() async {
    for await _ in resolver.updates { handle(.addressesChanged(resolver.takeChanged())) }
  }

  private func followForms() async {
    guard let forms else { return }
    for await _ in forms.updates {
      for proxy in forms.takeChanged() where plan.isConnected(proxy) { compute(proxy) }
    }
  }

  private func followWithdrawals() async {
    await withDiscardingTaskGroup { group in
      for await end in ends {
        group.addTask {
          try? await Task.sleep(until: self.start + end, clock: self.clock)
          await self.handle(.timeReached(self.clock.now - self.start))
        }
      }
      group.cancelAll()
    }
  }

  // MARK: Actions

  private func handle(_ event: ReconcilePlan.Event) {
    for action in plan.handle(event, address: resolver.address) {
      switch action {
      case .compute(let proxy): compute(proxy)
      case .clear(let proxy):
        forms?.forget(proxy)
        cache.remove(proxy.description)
      case .retain(let name): resolver.retain(name)
      case .release(let name): resolver.release(name)
      case .answer(let waiter): waiting.removeValue(forKey: waiter)?.resume()
      }
    }
  }

  /// Computes a proxy's configuration and publishes it if it differs from the last one.
  private func compute(_ proxy: ProxyID) {
    guard var configuration = plan.configuration(of: proxy) else { return }
    // Until a receiver has answered, the proxy keeps its last configuration, for a moment.
    if let forms, !forms.chooseFormat(of: &configuration) { return }
    counters.computed += 1
    do {
      let newest = try translator.snapshot(for: configuration, after: cache.snapshot(for: proxy.description))
      let (snapshot, nextEnd) = plan.complete(newest, of: proxy, now: clock.now - start)
      if let nextEnd { end.yield(nextEnd) }
      if cache.set(snapshot, for: proxy.description) { counters.published += 1 }
    } catch {
      // This proxy keeps its last configuration. Other proxies are not affected.
      logger.error(
        "a proxy's configuration could not be computed; it keeps its last one",
        metadata: ["proxy": "\(proxy)", "error": "\(error)"])
    }
  }

  /// Waits until every acknowledged write is applied, so that a reader sees its own writes.
  private func catchUp() async {
    let target = store.sequence
    guard !plan.isCaughtUp(with: target) else { return }
    await withCheckedContinuation { continuation in
      lastWaiter &+= 1
      waiting[lastWaiter] = continuation
      handle(.awaited(target, by: lastWaiter))
    }
  }

  // MARK: Proxies

  /// Registers a stream of a proxy and computes its configuration.
  func connect(_ proxy: ProxyID, _ traits: ProxyTraits) async {
    await catchUp()
    forms?.connect(proxy, traits)
    handle(
      .connected(
        proxy, drainTime: traits.drainTime, adminPort: traits.address.adminPort, features: traits.features))
    envoyVersions[proxy] = traits.envoyVersion
    for feature in plan.omittedFeatures(of: proxy) {
      logger.warning(
        "the Envoy of a proxy \(feature.obstacle); Envoy 1.\(feature.firstMinor) and later can",
        metadata: ["proxy": "\(proxy)", "version": "\(traits.envoyVersion.printable(atMost: 40))"])
    }
  }

  /// Deregisters a stream of a proxy. With the last stream, the configuration is dropped.
  func disconnect(_ proxy: ProxyID, _ traits: ProxyTraits) {
    forms?.disconnect(proxy, traits)
    handle(.disconnected(proxy))
    if !plan.isConnected(proxy) { envoyVersions[proxy] = nil }
  }

  /// Treats a proxy's Dataplane as stored, until the store has it or it is released.
  ///
  /// - Returns: false if its mesh is not known; then nothing happens.
  func adopt(_ dataplane: Resource) async -> Bool {
    await catchUp()
    guard plan.knows(dataplane.mesh) else { return false }
    handle(.adopted(dataplane))
    return true
  }

  /// Undoes ``adopt(_:)`` if the store still does not have the Dataplane.
  func release(_ proxy: ProxyID) { handle(.released(proxy)) }

  // MARK: Clusters

  /// Takes addresses at which services are reached without the mesh's help. May be called before the store's content is known.
  ///
  /// - Parameter serviceAddresses: the addresses that changed, by service of any mesh; `nil` for a service that has none any more.
  package func note(serviceAddresses: [String: ServiceAddress?]) { handle(.serviceAddressesChanged(serviceAddresses)) }

  /// Takes the certificates with which proxies open their administration to the control plane.
  ///
  /// - Parameter adminAccess: `nil` while there are none; then proxies open nothing but their readiness.
  package func use(adminAccess: AdminAccess?) { handle(.adminAccessChanged(adminAccess)) }

  /// Takes what proxies need to reach the control planes' own collectors. Proxies that report elsewhere are left alone.
  ///
  /// - Parameter ownCollector: `nil` while there is none; then a backend that leads to this machine is like any other.
  package func use(ownCollector: OwnCollector?) { handle(.ownCollectorChanged(ownCollector)) }

  // MARK: Reads

  /// Whether everything is there that proxies are configured with.
  package var isSynchronized: Bool { plan.isSynchronized }

  /// The number of connected proxies.
  package var connectedCount: Int { plan.connectedCount }

  /// The numbers of connected proxies by what is known of security fixes for their Envoys. A proxy that does not say its version is
  /// of the state `unknown`.
  package var envoyAdvice: [EnvoyAdvice.State: Int] {
    var versions: [String: Int] = [:]
    for version in envoyVersions.values { versions[version, default: 0] += 1 }
    return versions.reduce(into: [:]) { $0[EnvoyAdvice($1.key)?.state ?? .unknown, default: 0] += $1.value }
  }

  /// The number of proxies that keep the cluster of a withdrawn collector.
  package var withdrawnCount: Int { plan.withdrawnCount }

  /// Which of these proxies have a Dataplane, after all acknowledged writes.
  func present(of proxies: Set<ProxyID>) async -> Set<ProxyID> {
    // The end of a control plane does not wait for content that it never had.
    guard !proxies.isEmpty else { return [] }
    await catchUp()
    return proxies.filter { plan.hasDataplane($0) }
  }

  /// Reads a mesh's index, after all acknowledged writes.
  package func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async -> Answer {
    await catchUp()
    return question(plan[mesh])
  }
}

/// Translates a proxy's configuration into the resources that are sent to it.
package protocol ProxyTranslating: Sendable {
  /// - Parameter earlier: the proxy's last snapshot.
  /// - Throws: if the configuration cannot be expressed; the proxy then keeps its last snapshot.
  func snapshot(for configuration: ProxyConfiguration, after earlier: ProxySnapshot?) throws -> ProxySnapshot
}

extension EnvoyTranslator: ProxyTranslating {
  /// The translated snapshot.
  package func snapshot(for configuration: ProxyConfiguration, after earlier: ProxySnapshot?) throws -> ProxySnapshot {
    ProxySnapshot(try resources(for: configuration), after: earlier)
  }
}
