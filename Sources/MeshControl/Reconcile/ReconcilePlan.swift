import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS

/// The decisions of the ``Reconciler``: a value, events in, actions out.
///
/// A change of the store updates the index of its mesh, which names the affected proxies. Those that are connected are computed
/// again. A reader waits until the plan has applied every write that was acknowledged before.
struct ReconcilePlan {
  enum Event {
    /// The store has changed.
    case changed(ChangeSet)
    /// The change feed of the store has ended.
    case storeEnded
    /// The addresses of host names have changed.
    case addressesChanged(Set<String>)
    /// Services are reached elsewhere without the mesh's help; `nil`: nowhere any more.
    case serviceAddressesChanged([String: ServiceAddress?])
    /// The certificates with which Envoys let the control plane ask them have changed.
    case adminAccessChanged(AdminAccess?)
    /// What proxies need to reach the control planes' own collectors has changed.
    case ownCollectorChanged(OwnCollector?)
    /// A proxy has opened a stream. `drainTime`: how long its listeners drain, and `adminPort`: the port of its administration, if
    /// it says so. `features`: what its Envoy has of that which backends may ask for.
    case connected(
      ProxyID, drainTime: Duration?, adminPort: UInt16? = nil, features: Set<EnvoyFeature> = Set(EnvoyFeature.allCases))
    /// A stream of a proxy has ended.
    case disconnected(ProxyID)
    /// Treat a Dataplane as stored, until the store has it or it is released.
    case adopted(Resource)
    /// Undo ``adopted(_:)``.
    case released(ProxyID)
    /// A reader waits until the writes up to a sequence number are applied.
    case awaited(UInt64, by: Int)
    /// A time is reached at which withdrawn clusters can be removed.
    case timeReached(Duration)
  }

  /// What to do, in this order.
  enum Action: Equatable {
    /// Compute a proxy's configuration and publish it if it differs from the last one.
    case compute(ProxyID)
    /// Drop the configuration of a proxy without streams.
    case clear(ProxyID)
    /// Resolve a host name from now on, until it is released as often as retained.
    case retain(name: String)
    /// Undo one ``retain(name:)``.
    case release(name: String)
    /// Resume a waiting reader.
    case answer(Int)
  }

  private var meshes: [String: MeshIndex] = [:]
  /// Where services of all meshes are reached without a mesh's help.
  private var serviceAddresses: [String: ServiceAddress] = [:]
  /// The certificates with which Envoys let the control plane ask them.
  private var adminAccess: AdminAccess?
  /// The control planes' own collectors.
  private var ownCollector: OwnCollector?
  /// The number of streams of each connected proxy.
  private var connected: [ProxyID: Int] = [:]
  /// The drain times of connected proxies.
  private var drainTimes: [ProxyID: Duration] = [:]
  /// The ports of the administration of connected proxies.
  private var adminPorts: [ProxyID: UInt16] = [:]
  /// What the Envoys of connected proxies lack of that which backends may ask for; only of those that lack something.
  private var lacking: [ProxyID: Set<EnvoyFeature>] = [:]
  /// Withdrawn clusters that proxies still need.
  private var withdrawn = WithdrawnCollectors()
  /// Dataplanes with a host name as an address, as stored.
  private var named: [ProxyID: Dataplane] = [:]
  /// Dataplanes that are treated as stored.
  private var adopted: [ProxyID: Resource] = [:]
  /// The last applied change, and the readers that wait for later ones.
  private var sequence: UInt64 = 0
  private var waiting: [(sequence: UInt64, waiter: Int)] = []
  private var hasEnded = false
  /// Whether the whole state of the store has been applied.
  private var hasState = false
  /// Whether the addresses of services are still to come. Without them proxies would close listeners that they need.
  private var awaitsServiceAddresses: Bool
  /// Whether the own collector is still to come. Without it proxies would get a cluster that changes at once, and lose reports.
  private var awaitsOwnCollector: Bool

  /// - Parameters:
  ///   - awaitsServiceAddresses: whether nobody is answered before ``Event/serviceAddressesChanged(_:)``.
  ///   - awaitsOwnCollector: whether nobody is answered before ``Event/ownCollectorChanged(_:)``.
  init(awaitsServiceAddresses: Bool = false, awaitsOwnCollector: Bool = false) {
    self.awaitsServiceAddresses = awaitsServiceAddresses
    self.awaitsOwnCollector = awaitsOwnCollector
  }

  /// Whether everything is there that proxies are configured with.
  var isSynchronized: Bool { hasState && !awaitsServiceAddresses && !awaitsOwnCollector }

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
    case .serviceAddressesChanged(let addresses):
      for (service, address) in addresses { serviceAddresses[service] = address }
      var change = MeshIndex.Change()
      change.serviceAddresses = addresses
      apply(meshes.mapValues { _ in change }, &actions)
      awaitsServiceAddresses = false
      answer(&actions)
    case .adminAccessChanged(let access):
      guard access != adminAccess else { break }
      adminAccess = access
      for proxy in connected.keys { actions.append(.compute(proxy)) }
    case .ownCollectorChanged(let collector): use(collector, &actions)
    case .connected(let proxy, let drainTime, let adminPort, let features):
      connected[proxy, default: 0] += 1
      drainTimes[proxy] = drainTime
      adminPorts[proxy] = adminPort
      let missing = Set(EnvoyFeature.allCases).subtracting(features)
      lacking[proxy] = missing.isEmpty ? nil : missing
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

  /// Whether a reader of a write does not have to wait.
  func isCaughtUp(with target: UInt64) -> Bool { hasEnded || isSynchronized && sequence >= target }

  private mutating func take(_ set: ChangeSet, _ address: (String) -> String?, _ actions: inout [Action]) {
    var changes: [String: MeshIndex.Change] = [:]
    if set.isWholeState {
      // A mesh or resource that the state does not contain is gone.
      for (name, index) in meshes {
        var change = MeshIndex.Change()
        change.mesh = .some(nil)
        for proxy in index.dataplaneNames { change.dataplanes[proxy] = .some(nil) }
        for policy in index.policyNames { change.policies[policy] = .some(nil) }
        for secret in index.secretNames { change.secrets[secret] = .some(nil) }
        changes[name] = change
      }
      let written = Set(set.written.lazy.map(\.key))
      for proxy in Array(named.keys)
      where !written.contains(ResourceKey(type: .dataplane, mesh: proxy.mesh, name: proxy.name)) {
        setNamed(proxy, nil, &actions)
      }
      hasState = true
      for resource in adopted.values { note(resource.key, resource, in: &changes, address, &actions) }
    }
    for key in set.deleted { note(key, nil, in: &changes, address, &actions) }
    for resource in set.written { note(resource.key, resource, in: &changes, address, &actions) }
    apply(changes, &actions)
    sequence = set.sequence
    answer(&actions)
  }

  /// Answers the readers whose writes are applied.
  private mutating func answer(_ actions: inout [Action]) {
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
      // A stored Dataplane replaces an adopted one.
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
      // Removed from the dictionary, so that it is changed in place.
      var index = meshes.removeValue(forKey: mesh) ?? MeshIndex(name: mesh, serviceAddresses: serviceAddresses)
      let (affected, removed) = index.apply(change)
      if !index.isEmpty { meshes[mesh] = index }
      for name in removed { clear(ProxyID(mesh: mesh, name: name), &actions) }
      for name in affected {
        let proxy = ProxyID(mesh: mesh, name: name)
        if connected[proxy] != nil { actions.append(.compute(proxy)) }
      }
    }
  }

  /// Records a Dataplane with a host name as its address; `nil` for any other. The name is retained as long as a Dataplane uses
  /// it.
  private mutating func setNamed(_ proxy: ProxyID, _ dataplane: Dataplane?, _ actions: inout [Action]) {
    let old = named[proxy]?.hostNames ?? []
    let new = dataplane?.hostNames ?? []
    named[proxy] = dataplane
    for name in new.subtracting(old) { actions.append(.retain(name: name)) }
    for name in old.subtracting(new) { actions.append(.release(name: name)) }
  }

  private mutating func use(_ collector: OwnCollector?, _ actions: inout [Action]) {
    let old = ownCollector
    ownCollector = collector
    for (mesh, index) in meshes {
      for name in index.proxies(reaching: collector, otherwiseThan: old) {
        let proxy = ProxyID(mesh: mesh, name: name)
        if connected[proxy] != nil { actions.append(.compute(proxy)) }
      }
    }
    awaitsOwnCollector = false
    answer(&actions)
  }

  // MARK: Proxies

  /// Drops the configuration of a proxy whose last stream ended.
  private mutating func disconnect(_ proxy: ProxyID, _ actions: inout [Action]) {
    guard let count = connected[proxy] else { return }
    connected[proxy] = count > 1 ? count - 1 : nil
    guard connected[proxy] == nil else { return }
    drainTimes[proxy] = nil
    adminPorts[proxy] = nil
    lacking[proxy] = nil
    clear(proxy, &actions)
  }

  private mutating func clear(_ proxy: ProxyID, _ actions: inout [Action]) {
    withdrawn.remove(proxy.description)
    actions.append(.clear(proxy))
  }

  /// The configuration of a proxy; `nil` when it has no Dataplane.
  func configuration(of proxy: ProxyID) -> ProxyConfiguration? {
    var configuration = meshes[proxy.mesh]?.configuration(
      for: proxy.name, adminPort: adminPorts[proxy], adminAccess: adminAccess, ownCollector: ownCollector)
    if let missing = lacking[proxy] { configuration?.omit(missing) }
    return configuration
  }

  /// What the configuration of a proxy leaves out, because its Envoy does not have it.
  func omittedFeatures(of proxy: ProxyID) -> Set<EnvoyFeature> {
    guard let missing = lacking[proxy] else { return [] }
    let configuration = meshes[proxy.mesh]?.configuration(
      for: proxy.name, adminPort: nil, adminAccess: nil, ownCollector: ownCollector)
    return configuration?.neededFeatures.intersection(missing) ?? []
  }

  /// Adds the withdrawn clusters that a proxy still needs to its snapshot.
  ///
  /// - Returns: the snapshot, and a time at which ``Event/timeReached(_:)`` has to be reported, if it is a new one.
  mutating func complete(
    _ newest: ProxySnapshot, of proxy: ProxyID, now: Duration
  ) -> (snapshot: ProxySnapshot, nextEnd: Duration?) {
    withdrawn.add(
      to: newest, of: proxy.description, drainTime: drainTimes[proxy] ?? ProxyMetadata.usualDrainTime, now: now)
  }

  // MARK: Reads

  var connectedCount: Int { connected.count }

  /// The number of proxies that keep the cluster of a withdrawn collector.
  var withdrawnCount: Int { withdrawn.count }

  /// Whether a proxy has a stream.
  func isConnected(_ proxy: ProxyID) -> Bool { connected[proxy] != nil }

  /// Whether a mesh exists.
  func knows(_ mesh: String) -> Bool { meshes[mesh]?.mesh != nil }

  /// Whether a proxy has a Dataplane.
  func hasDataplane(_ proxy: ProxyID) -> Bool { meshes[proxy.mesh]?.dataplane(proxy.name) != nil }

  /// The index of a mesh; empty if there is no such mesh.
  subscript(mesh: String) -> MeshIndex { meshes[mesh] ?? MeshIndex(name: mesh, serviceAddresses: serviceAddresses) }
}

extension Dataplane {
  /// The host names in the addresses of the Dataplane.
  fileprivate var hostNames: Set<String> {
    guard let networking else { return [] }
    return Set([networking.address, networking.advertisedAddress].filter { !$0.isEmpty && !HostRules.isIP($0) })
  }

  /// The Dataplane with its host names replaced by their known addresses.
  fileprivate func resolved(_ address: (String) -> String?) -> Dataplane {
    guard var networking else { return self }
    networking.address = address(networking.address) ?? networking.address
    networking.advertisedAddress = address(networking.advertisedAddress) ?? networking.advertisedAddress
    var result = self
    result.networking = networking
    return result
  }
}
