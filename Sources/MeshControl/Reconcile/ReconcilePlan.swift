import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// What the ``Reconciler`` decides: a value, events in, actions out.
///
/// A change of the store goes into the index of its mesh, which says which proxies it concerns. Of them those that are connected
/// are to be computed anew. Whoever asks something is answered when every write has been taken in that was answered before.
struct ReconcilePlan {
  /// What happened.
  enum Event {
    /// The store has changed.
    case changed(ChangeSet)
    /// The store tells of no changes any more.
    case storeEnded
    /// Host names have other addresses.
    case addressesChanged(Set<String>)
    /// A proxy has opened a stream; how long its listeners drain, if it says so.
    case connected(ProxyID, drainTime: Duration?)
    /// A stream of a proxy has ended.
    case disconnected(ProxyID)
    /// A Dataplane is to be taken for stored, until the store has it or it is released.
    case adopted(Resource)
    /// A Dataplane is to be taken for stored no longer.
    case released(ProxyID)
    /// Somebody waits until every write up to a number has been taken in.
    case awaited(UInt64, by: Int)
    /// A time has come at which clusters may go.
    case timeReached(Duration)
  }

  /// What is to be done, in order.
  enum Action: Equatable {
    /// Compute a proxy's configuration and hand it on when it differs from the last one.
    case compute(ProxyID)
    /// Nobody reads a proxy's configuration any more.
    case clear(ProxyID)
    /// Ask for the address of a host name from now on, until it is released as often.
    case retain(name: String)
    /// Ask for the address of a host name no longer.
    case release(name: String)
    /// Answer whoever waits.
    case answer(Int)
  }

  private var meshes: [String: MeshIndex] = [:]
  /// The proxies that have a stream, with the number of streams.
  private var connected: [ProxyID: Int] = [:]
  /// How long the listeners of connected proxies drain.
  private var drainTimes: [ProxyID: Duration] = [:]
  /// Clusters that proxies still need.
  private var withdrawn = WithdrawnCollectors()
  /// Proxies of which an address is a host name, as they were written.
  private var named: [ProxyID: Dataplane] = [:]
  /// Dataplanes of proxies that could not be stored yet.
  private var adopted: [ProxyID: Resource] = [:]
  /// How far the store's changes have been taken in, and who waits for more.
  private var sequence: UInt64 = 0
  private var waiting: [(sequence: UInt64, waiter: Int)] = []
  private var hasEnded = false
  /// Whether the store's whole state has been taken in.
  private(set) var isSynchronized = false

  /// How long the listeners of a proxy drain that does not say. Source: `kuma-dp run --help` of Kuma 2.7.
  private static let usualDrainTime = Duration.seconds(30)

  /// Takes an event.
  ///
  /// - Parameter address: the address of a host name, if it is known.
  mutating func handle(_ event: Event, address: (String) -> String?) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .changed(let set): take(set, address, &actions)
    case .storeEnded:
      hasEnded = true
      for (_, waiter) in waiting { actions.append(.answer(waiter)) }
      waiting = []
    case .addressesChanged(let names):
      var changes: [String: MeshIndex.Change] = [:]
      for (proxy, dataplane) in named where !names.isDisjoint(with: dataplane.hostNames) {
        changes[proxy.mesh, default: MeshIndex.Change()].dataplanes[proxy.name] = .some(dataplane.resolved(address))
      }
      apply(changes, &actions)
    case .connected(let proxy, let drainTime):
      connected[proxy, default: 0] += 1
      drainTimes[proxy] = drainTime
      actions.append(.compute(proxy))
    case .disconnected(let proxy): disconnect(proxy, &actions)
    case .adopted(let resource):
      guard knows(resource.mesh) else { break }
      adopted[ProxyID(mesh: resource.mesh, name: resource.name)] = resource
      note(resource.key, resource, address, &actions)
    case .released(let proxy):
      guard let resource = adopted.removeValue(forKey: proxy) else { break }
      note(resource.key, nil, address, &actions)
    case .awaited(let target, let waiter):
      if isCaughtUp(with: target) { actions.append(.answer(waiter)) } else { waiting.append((target, waiter)) }
    case .timeReached(let now):
      for name in withdrawn.expire(at: now) {
        if let proxy = ProxyID(nodeID: name), connected[proxy] != nil { actions.append(.compute(proxy)) }
      }
    }
    return actions
  }

  // MARK: Changes

  /// Whether nobody has to wait for a write.
  func isCaughtUp(with target: UInt64) -> Bool { hasEnded || isSynchronized && sequence >= target }

  private mutating func take(_ set: ChangeSet, _ address: (String) -> String?, _ actions: inout [Action]) {
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
        setNamed(proxy, nil, &actions)
      }
      isSynchronized = true
      for resource in adopted.values { note(resource.key, resource, in: &changes, address, &actions) }
    }
    for key in set.deleted { note(key, nil, in: &changes, address, &actions) }
    for resource in set.written { note(resource.key, resource, in: &changes, address, &actions) }
    apply(changes, &actions)
    sequence = set.sequence
    for (target, waiter) in waiting where isCaughtUp(with: target) { actions.append(.answer(waiter)) }
    waiting = waiting.filter { !isCaughtUp(with: $0.sequence) }
  }

  private mutating func note(
    _ key: ResourceKey, _ resource: Resource?, _ address: (String) -> String?, _ actions: inout [Action]
  ) {
    var changes: [String: MeshIndex.Change] = [:]
    note(key, resource, in: &changes, address, &actions)
    apply(changes, &actions)
  }

  private mutating func note(
    _ key: ResourceKey, _ resource: Resource?, in changes: inout [String: MeshIndex.Change],
    _ address: (String) -> String?, _ actions: inout [Action]
  ) {
    let mesh = key.owningMesh
    var resource = resource
    if key.type == .dataplane {
      let proxy = ProxyID(mesh: mesh, name: key.name)
      // What the store says counts, once it says something.
      if let own = adopted[proxy], resource?.revision != own.revision { adopted[proxy] = nil }
      if let dataplane = resource?.content(Dataplane.self), !dataplane.hostNames.isEmpty {
        setNamed(proxy, dataplane, &actions)
        resource?.spec = .dataplane(dataplane.resolved(address))
      } else {
        setNamed(proxy, nil, &actions)
      }
    }
    changes[mesh, default: MeshIndex.Change()].note(key, resource)
  }

  private mutating func apply(_ changes: [String: MeshIndex.Change], _ actions: inout [Action]) {
    for (mesh, change) in changes where !change.isEmpty {
      // Taken out, so that it is changed where it is.
      var index = meshes.removeValue(forKey: mesh) ?? MeshIndex(name: mesh)
      let (affected, removed) = index.apply(change)
      if !index.isEmpty { meshes[mesh] = index }
      for name in removed { clear(ProxyID(mesh: mesh, name: name), &actions) }
      for name in affected {
        let proxy = ProxyID(mesh: mesh, name: name)
        if connected[proxy] != nil { actions.append(.compute(proxy)) }
      }
    }
  }

  /// Notes the Dataplane of a proxy whose address is a host name; `nil` for any other. The name is asked for as long as a
  /// Dataplane has it.
  private mutating func setNamed(_ proxy: ProxyID, _ dataplane: Dataplane?, _ actions: inout [Action]) {
    let old = named[proxy]?.hostNames ?? []
    let new = dataplane?.hostNames ?? []
    named[proxy] = dataplane
    for name in new.subtracting(old) { actions.append(.retain(name: name)) }
    for name in old.subtracting(new) { actions.append(.release(name: name)) }
  }

  // MARK: Proxies

  /// What nobody reads is not kept.
  private mutating func disconnect(_ proxy: ProxyID, _ actions: inout [Action]) {
    guard let count = connected[proxy] else { return }
    connected[proxy] = count > 1 ? count - 1 : nil
    guard connected[proxy] == nil else { return }
    drainTimes[proxy] = nil
    clear(proxy, &actions)
  }

  private mutating func clear(_ proxy: ProxyID, _ actions: inout [Action]) {
    withdrawn.remove(proxy.description)
    actions.append(.clear(proxy))
  }

  /// The configuration of a proxy; `nil` when it has no Dataplane.
  func configuration(of proxy: ProxyID) -> ProxyConfiguration? {
    meshes[proxy.mesh]?.configuration(for: proxy.name)
  }

  /// Adds the clusters that a proxy still needs to what it is to hold.
  ///
  /// - Returns: what it is to hold, and a time at which ``Event/timeReached(_:)`` has to be reported, if that is a new one.
  mutating func complete(
    _ newest: ProxySnapshot, of proxy: ProxyID, now: Duration
  ) -> (snapshot: ProxySnapshot, nextEnd: Duration?) {
    withdrawn.add(
      to: newest, of: proxy.description, drainTime: drainTimes[proxy] ?? Self.usualDrainTime, now: now)
  }

  // MARK: In memory

  /// How many proxies are connected.
  var connectedCount: Int { connected.count }

  /// How many proxies keep the cluster of a collector that no policy leads to any more.
  var withdrawnCount: Int { withdrawn.count }

  /// Whether a mesh exists.
  func knows(_ mesh: String) -> Bool { meshes[mesh]?.mesh != nil }

  /// Whether a proxy has a Dataplane.
  func hasDataplane(_ proxy: ProxyID) -> Bool { meshes[proxy.mesh]?.dataplane(proxy.name) != nil }

  /// The index of a mesh, empty where there is none.
  subscript(mesh: String) -> MeshIndex { meshes[mesh] ?? MeshIndex(name: mesh) }
}

extension Dataplane {
  /// The host names at which others reach the proxy.
  fileprivate var hostNames: Set<String> {
    guard let networking else { return [] }
    return Set([networking.address, networking.advertisedAddress].filter { !$0.isEmpty && !HostRules.isIP($0) })
  }

  /// The proxy with its host names replaced by addresses, as far as they are known.
  fileprivate func resolved(_ address: (String) -> String?) -> Dataplane {
    guard var networking else { return self }
    networking.address = address(networking.address) ?? networking.address
    networking.advertisedAddress = address(networking.advertisedAddress) ?? networking.advertisedAddress
    var result = self
    result.networking = networking
    return result
  }
}
