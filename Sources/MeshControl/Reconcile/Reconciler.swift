package import Logging
import MeshModel
package import MeshPolicy
package import MeshStore
package import MeshXDS
import ServiceLifecycle

/// Keeps the configuration of every connected proxy equal to what the store says.
///
/// A change of the store goes into the mesh's index, which says which proxies it concerns; those of them that are
/// connected are computed anew and put into the cache, which pushes what differs. Nothing runs when nothing changes.
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
  private var meshes: [String: MeshIndex] = [:]
  /// The proxies that have a stream, with the number of streams.
  private var connected: [ProxyID: Int] = [:]
  /// How long the listeners of connected proxies drain.
  private var drainTimes: [ProxyID: Duration] = [:]
  /// Clusters that proxies still need.
  private var withdrawn = WithdrawnCollectors()
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let ends: AsyncStream<Duration>
  private let end: AsyncStream<Duration>.Continuation
  /// Proxies of which an address is a host name, as they were written.
  private var named: [ProxyID: Dataplane] = [:]
  /// Dataplanes of proxies that could not be stored yet.
  private var adopted: [ProxyID: Resource] = [:]
  package private(set) var counters = Counters()
  package private(set) var isSynchronized = false
  /// How far the store's changes have been taken in, and who waits for more.
  private var sequence: UInt64 = 0
  private var hasEnded = false
  private var waiting: [(sequence: UInt64, continuation: CheckedContinuation<Void, Never>)] = []

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
    for await set in store.changes() { apply(set) }
    for waiter in waiting { waiter.continuation.resume() }
    waiting = []
    hasEnded = true
  }

  // MARK: Changes

  /// Waits until every write that was answered before has been taken in, so that a reader sees its own writes.
  private func catchUp() async {
    let target = store.sequence
    guard sequence < target || !isSynchronized, !hasEnded else { return }
    await withCheckedContinuation { waiting.append((target, $0)) }
  }

  private func apply(_ set: ChangeSet) {
    counters.changeSets += 1
    counters.changes += set.written.count + set.deleted.count
    var changes: [String: MeshIndex.Change] = [:]
    if set.isWholeState {
      // Everything known that the state does not name is gone.
      for (name, index) in meshes {
        var change = MeshIndex.Change()
        change.mesh = .some(nil)
        for proxy in index.dataplaneNames { change.dataplanes[proxy] = .some(nil) }
        for policy in index.policyNames { change.policies[policy] = .some(nil) }
        changes[name] = change
      }
      let written = Set(set.written.lazy.map(\.key))
      for proxy in Array(named.keys)
      where !written.contains(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) {
        setNamed(proxy, nil)
      }
      isSynchronized = true
    }
    if set.isWholeState { for resource in adopted.values { note(resource.key, resource, in: &changes) } }
    for key in set.deleted { note(key, nil, in: &changes) }
    for resource in set.written { note(resource.key, resource, in: &changes) }
    for (mesh, change) in changes { apply(change, to: mesh) }
    sequence = set.sequence
    waiting.removeAll { waiter in
      guard waiter.sequence <= sequence else { return false }
      waiter.continuation.resume()
      return true
    }
  }

  private func note(_ key: ResourceKey, _ resource: Resource?, in changes: inout [String: MeshIndex.Change]) {
    let mesh = key.owningMesh
    var resource = resource
    if key.type == .dataplane {
      let proxy = ProxyID(mesh: mesh, name: key.name)
      // What the store says counts, once it says something.
      if let own = adopted[proxy], resource?.revision != own.revision { adopted[proxy] = nil }
      if let dataplane = resource?.content(Dataplane.self), !dataplane.hostNames.isEmpty {
        setNamed(proxy, dataplane)
        resource?.spec = .dataplane(resolved(dataplane))
      } else {
        setNamed(proxy, nil)
      }
    }
    changes[mesh, default: MeshIndex.Change()].note(key, resource)
  }

  private func apply(_ change: MeshIndex.Change, to mesh: String) {
    guard !change.isEmpty else { return }
    var index = meshes.removeValue(forKey: mesh) ?? MeshIndex(name: mesh)
    let (affected, removed) = index.apply(change)
    if !index.isEmpty { meshes[mesh] = index }
    for name in removed { forget(ProxyID(mesh: mesh, name: name)) }
    for name in affected {
      let proxy = ProxyID(mesh: mesh, name: name)
      if connected[proxy] != nil { publish(proxy) }
    }
  }

  /// Computes a proxy's configuration and hands it on when it differs from the last one.
  private func publish(_ proxy: ProxyID) {
    guard let configuration = meshes[proxy.mesh]?.configuration(for: proxy.name) else { return }
    counters.computed += 1
    do {
      let newest = try translator.snapshot(for: configuration, after: cache.snapshot(for: proxy.description))
      let (snapshot, nextEnd) = withdrawn.add(
        to: newest, of: proxy.description, drainTime: drainTimes[proxy] ?? Self.usualDrainTime, now: clock.now - start)
      if let nextEnd { end.yield(nextEnd) }
      if cache.set(snapshot, for: proxy.description) { counters.published += 1 }
    } catch {
      // The proxy keeps what it has; the others are not concerned.
      logger.error(
        "a proxy's configuration could not be made; it keeps its last one",
        metadata: ["proxy": "\(proxy)", "error": "\(error)"])
    }
  }

  private func forget(_ proxy: ProxyID) {
    cache.remove(proxy.description)
    withdrawn.remove(proxy.description)
  }

  // MARK: Withdrawn collectors

  /// How long the listeners of a proxy drain that does not say. Source: `kuma-dp run --help` of Kuma 2.7.
  private static let usualDrainTime = Duration.seconds(30)

  private func followWithdrawals() async {
    await withDiscardingTaskGroup { group in
      for await end in ends {
        group.addTask {
          try? await Task.sleep(until: self.start + end, clock: self.clock)
          await self.endWithdrawals()
        }
      }
      group.cancelAll()
    }
  }

  private func endWithdrawals() {
    for name in withdrawn.expire(at: clock.now - start) {
      guard let proxy = ProxyID(nodeID: name), connected[proxy] != nil else { continue }
      publish(proxy)
    }
  }

  // MARK: Host names

  /// Notes the Dataplane of a proxy whose address is a host name; `nil` for any other. The name is asked for as long as a
  /// Dataplane has it.
  private func setNamed(_ proxy: ProxyID, _ dataplane: Dataplane?) {
    let old = named[proxy]?.hostNames ?? []
    let new = dataplane?.hostNames ?? []
    named[proxy] = dataplane
    for name in new.subtracting(old) { resolver.retain(name) }
    for name in old.subtracting(new) { resolver.release(name) }
  }

  /// The proxy with its host names replaced by addresses, as far as they are known.
  private func resolved(_ dataplane: Dataplane) -> Dataplane {
    guard var networking = dataplane.networking else { return dataplane }
    networking.address = resolver.address(of: networking.address) ?? networking.address
    networking.advertisedAddress = resolver.address(of: networking.advertisedAddress) ?? networking.advertisedAddress
    var result = dataplane
    result.networking = networking
    return result
  }

  private func followNames() async {
    for await _ in resolver.updates {
      let names = resolver.takeChanged()
      var changes: [String: MeshIndex.Change] = [:]
      for (proxy, dataplane) in named where !names.isDisjoint(with: dataplane.hostNames) {
        changes[proxy.mesh, default: MeshIndex.Change()].dataplanes[proxy.name] = .some(resolved(dataplane))
      }
      for (mesh, change) in changes { apply(change, to: mesh) }
    }
  }

  // MARK: Proxies

  /// Notes that a proxy has opened a stream, and computes its configuration.
  ///
  /// - Parameter drainTime: how long its listeners drain, if it says so.
  func connect(_ proxy: ProxyID, drainTime: Duration? = nil) async {
    await catchUp()
    connected[proxy, default: 0] += 1
    drainTimes[proxy] = drainTime
    publish(proxy)
  }

  /// Notes that a stream of a proxy has ended. What nobody reads is not kept.
  func disconnect(_ proxy: ProxyID) {
    guard let count = connected[proxy] else { return }
    connected[proxy] = count > 1 ? count - 1 : nil
    guard connected[proxy] == nil else { return }
    drainTimes[proxy] = nil
    forget(proxy)
  }

  /// Takes a proxy's Dataplane for stored, until the store has it or it is released.
  ///
  /// - Returns: whether its mesh is known; otherwise nothing happens.
  func adopt(_ dataplane: Resource) async -> Bool {
    await catchUp()
    guard meshes[dataplane.mesh]?.mesh != nil else { return false }
    var changes: [String: MeshIndex.Change] = [:]
    adopted[ProxyID(mesh: dataplane.mesh, name: dataplane.name)] = dataplane
    note(dataplane.key, dataplane, in: &changes)
    for (mesh, change) in changes { apply(change, to: mesh) }
    return true
  }

  /// Forgets an adopted Dataplane that the store still does not have.
  func release(_ proxy: ProxyID) {
    guard let dataplane = adopted.removeValue(forKey: proxy) else { return }
    var changes: [String: MeshIndex.Change] = [:]
    note(dataplane.key, nil, in: &changes)
    for (mesh, change) in changes { apply(change, to: mesh) }
  }

  /// How many proxies are connected.
  package var connectedCount: Int { connected.count }

  /// How many proxies keep the cluster of a collector that no policy leads to any more.
  package var withdrawnCount: Int { withdrawn.count }

  // MARK: Questions

  /// Those of some proxies that have a Dataplane, with every write that has been answered taken in.
  func present(of proxies: Set<ProxyID>) async -> Set<ProxyID> {
    await catchUp()
    return proxies.filter { meshes[$0.mesh]?.dataplane($0.name) != nil }
  }

  /// Asks a mesh's index, with every write that has been answered taken in.
  package func inspect<Answer: Sendable>(_ mesh: String, _ question: @Sendable (MeshIndex) -> Answer) async -> Answer {
    await catchUp()
    return question(meshes[mesh] ?? MeshIndex(name: mesh))
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

extension Dataplane {
  /// The host names at which others reach the proxy.
  fileprivate var hostNames: Set<String> {
    guard let networking else { return [] }
    return Set([networking.address, networking.advertisedAddress].filter { !$0.isEmpty && !HostRules.isIP($0) })
  }
}
