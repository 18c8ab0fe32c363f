package import Logging
import MeshModel
package import MeshPolicy
package import MeshStore
package import MeshXDS
import ServiceLifecycle

/// Keeps the configuration of every connected proxy equal to what the store says.
///
/// ``ReconcilePlan`` says which proxies a change concerns; they are computed anew and put into the cache, which pushes what
/// differs. Nothing runs when nothing changes.
package actor Reconciler: Service {
  /// What the reconciler has done, for metrics and tests.
  package struct Counters: Sendable {
    /// Elements of the store's change stream taken in.
    package var changeSets = 0
    /// Resources in them.
    package var changes = 0
    /// Proxy configurations computed.
    package var computed = 0
    /// Snapshots that differed and were handed to the cache.
    package var published = 0
  }

  private let store: any ResourceStore
  private let translator: any ProxyTranslating
  private let cache: SnapshotCache
  private let resolver: AddressResolver
  private let logger: Logger
  private var plan = ReconcilePlan()
  private var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
  private var lastWaiter = 0
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let ends: AsyncStream<Duration>
  private let end: AsyncStream<Duration>.Continuation
  package private(set) var counters = Counters()

  package init(
    store: any ResourceStore, translator: any ProxyTranslating, cache: SnapshotCache, resolver: AddressResolver,
    logger: Logger
  ) {
    self.store = store
    self.translator = translator
    self.cache = cache
    self.resolver = resolver
    self.logger = logger
    start = clock.now
    (ends, end) = AsyncStream.makeStream()
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      async let names: Void = self.followNames()
      async let withdrawals: Void = self.followWithdrawals()
      await self.followStore()
      self.end.finish()
      await names
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
      case .clear(let proxy): cache.remove(proxy.description)
      case .retain(let name): resolver.retain(name)
      case .release(let name): resolver.release(name)
      case .answer(let waiter): waiting.removeValue(forKey: waiter)?.resume()
      }
    }
  }

  /// Computes a proxy's configuration and hands it on when it differs from the last one.
  private func compute(_ proxy: ProxyID) {
    guard let configuration = plan.configuration(of: proxy) else { return }
    counters.computed += 1
    do {
      let newest = try translator.snapshot(for: configuration, after: cache.snapshot(for: proxy.description))
      let (snapshot, nextEnd) = plan.complete(newest, of: proxy, now: clock.now - start)
      if let nextEnd { end.yield(nextEnd) }
      if cache.set(snapshot, for: proxy.description) { counters.published += 1 }
    } catch {
      // The proxy keeps what it has; the others are not concerned.
      logger.error(
        "a proxy's configuration could not be made; it keeps its last one",
        metadata: ["proxy": "\(proxy)", "error": "\(error)"])
    }
  }

  /// Waits until every write that was answered before has been taken in, so that a reader sees its own writes.
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

  /// Notes that a proxy has opened a stream, and computes its configuration.
  ///
  /// - Parameter drainTime: how long its listeners drain, if it says so.
  func connect(_ proxy: ProxyID, drainTime: Duration? = nil) async {
    await catchUp()
    handle(.connected(proxy, drainTime: drainTime))
  }

  /// Notes that a stream of a proxy has ended. What nobody reads is not kept.
  func disconnect(_ proxy: ProxyID) { handle(.disconnected(proxy)) }

  /// Takes a proxy's Dataplane for stored, until the store has it or it is released.
  ///
  /// - Returns: whether its mesh is known; otherwise nothing happens.
  func adopt(_ dataplane: Resource) async -> Bool {
    await catchUp()
    guard plan.knows(dataplane.mesh) else { return false }
    handle(.adopted(dataplane))
    return true
  }

  /// Releases an adopted Dataplane that the store still does not have.
  func release(_ proxy: ProxyID) { handle(.released(proxy)) }

  // MARK: Questions

  /// Whether the store's content has been taken in.
  package var isSynchronized: Bool { plan.isSynchronized }

  /// How many proxies are connected.
  package var connectedCount: Int { plan.connectedCount }

  /// How many proxies keep the cluster of a collector that no policy leads to any more.
  package var withdrawnCount: Int { plan.withdrawnCount }

  /// Those of some proxies that have a Dataplane, with every write that has been answered taken in.
  func present(of proxies: Set<ProxyID>) async -> Set<ProxyID> {
    await catchUp()
    return proxies.filter { plan.hasDataplane($0) }
  }

  /// Asks a mesh's index, with every write that has been answered taken in.
  package func inspect<Answer: Sendable>(
    _ mesh: String, _ question: @Sendable (MeshIndex) -> Answer
  ) async -> Answer {
    await catchUp()
    return question(plan[mesh])
  }
}

/// Turns a proxy's configuration into what is sent to it.
package protocol ProxyTranslating: Sendable {
  /// - Parameter earlier: what the proxy is to hold so far.
  /// - Throws: when the configuration cannot be expressed; the proxy then keeps what it has.
  func snapshot(for configuration: ProxyConfiguration, after earlier: ProxySnapshot?) throws -> ProxySnapshot
}

extension EnvoyTranslator: ProxyTranslating {
  /// The snapshot of what the translation yields.
  package func snapshot(for configuration: ProxyConfiguration, after earlier: ProxySnapshot?) throws -> ProxySnapshot {
    ProxySnapshot(try resources(for: configuration), after: earlier)
  }
}
