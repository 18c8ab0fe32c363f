public import MeshModel

/// The live state of one mesh: its proxies, services and policies, indexed both ways, so that a change touches exactly
/// the proxies that it concerns.
///
/// A value: changes go in, the set of affected proxies comes out. Nothing is computed for the others.
public struct MeshIndex: Sendable {
  struct Proxy {
    var dataplane: Dataplane
    /// All tags of the Dataplane, see ``Dataplane/tagValues``.
    var tags: [String: Set<String>]
    /// When the Dataplane was created; `nil` where it is not known.
    var creationTime: Timestamp?
    var winner: PolicyPrecedence?
  }

  /// The mesh's name.
  public let name: String
  /// Another number after each change: what was read at the same number is still so.
  package var revision = 0
  /// The mesh; `nil` until it is known and after it is deleted.
  public private(set) var mesh: Mesh?
  private(set) var proxies: [String: Proxy] = [:]
  private var policies = PolicyIndex()
  /// Where the mesh's backends lead.
  private(set) var collectors = BackendCollectors()
  /// The mesh's secrets.
  package private(set) var secrets: [String: Secret] = [:]
  /// Proxies with an inbound or gateway tag, by tag name and value; under the wildcard, all that have the name.
  private var proxiesByTag: [String: [String: Set<String>]] = [:]
  /// The proxies for which a policy is the winner.
  private var winners: [String: Set<String>] = [:]
  /// The healthy endpoints that each proxy contributes to each service.
  private(set) var contributions: [String: [String: [ServiceEndpoints.Endpoint]]] = [:]
  /// The services, shared by all their callers.
  private(set) var services: [String: ServiceEndpoints] = [:]
  /// The proxies that call a service.
  private(set) var callers: [String: Set<String>] = [:]
  /// The services that are handled as TCP although some of their endpoints speak HTTP.
  private(set) var downgraded: Set<String> = []

  /// Who reaches which services at the services' own addresses.
  private(set) var reach: ReachIndex

  /// An empty mesh.
  public init(name: String) { self.init(name: name, serviceAddresses: [:]) }

  /// An empty mesh.
  ///
  /// - Parameter serviceAddresses: where services are reached without the mesh's help; those of other meshes may be among them.
  package init(name: String, serviceAddresses: [String: ServiceAddress]) {
    self.name = name
    reach = ReachIndex(addresses: serviceAddresses)
  }

  /// Whether the mesh has no resources left.
  public var isEmpty: Bool { mesh == nil && proxies.isEmpty && policies.count == 0 && secrets.isEmpty }

  // MARK: Changes

  /// Applies a change.
  ///
  /// - Returns: the proxies whose configuration may differ now, and those that are gone.
  public mutating func apply(_ change: Change) -> (affected: Set<String>, removed: Set<String>) {
    if !change.isEmpty { revision += 1 }
    var affected: Set<String> = []
    var removed: Set<String> = []
    if let new = change.mesh { affected.formUnion(replaceMesh(by: new)) }
    for (name, secret) in change.secrets { secrets[name] = secret }
    if !change.secrets.isEmpty || change.mesh != nil { affected.formUnion(refreshDestinations()) }
    var dirtyServices = Set(reach.take(change.serviceAddresses))
    for (name, dataplane) in change.dataplanes {
      if let dataplane {
        if replaceProxy(name, by: dataplane, dirtyServices: &dirtyServices) { affected.insert(name) }
        if let time = change.creationTimes[name] { proxies[name]?.creationTime = time }
      } else if removeProxy(name, dirtyServices: &dirtyServices) {
        removed.insert(name)
      }
    }
    for service in dirtyServices {
      if rebuild(service) { affected.formUnion(callers[service] ?? []) }
      if refreshReach(of: service) { affected.formUnion(reach.callers(of: service)) }
    }
    reach.update()
    affected.formUnion(refreshDirectPlaces(dirtyServices))
    if !change.policies.isEmpty { affected.formUnion(replacePolicies(change.policies)) }
    return (affected.subtracting(removed), removed)
  }

  private mutating func replaceMesh(by new: Mesh?) -> Set<String> {
    guard new != mesh else { return [] }
    let old = mesh
    mesh = new
    var affected: Set<String> = []
    for (policy, users) in winners {
      guard let content = policies.policy(policy) else { continue }
      let before = BackendResolution(content, in: old ?? Mesh()).backend
      let after = BackendResolution(content, in: new ?? Mesh()).backend
      if before != after { affected.formUnion(users) }
    }
    if old?.passesThrough != new?.passesThrough { affected.formUnion(reach.capturing) }
    return affected
  }

  /// Brings up to date which backends can be used, and with what.
  ///
  /// - Returns: the proxies that report to one for which that has changed.
  private mutating func refreshDestinations() -> Set<String> {
    let old = collectors
    collectors = BackendCollectors(of: mesh, secrets: secrets)
    let changed = collectors.names(differingFrom: old)
    return changed.isEmpty ? [] : proxies(reportingTo: changed)
  }

  private mutating func replaceProxy(
    _ name: String, by dataplane: Dataplane, dirtyServices: inout Set<String>
  ) -> Bool {
    let old = proxies[name]
    guard old?.dataplane != dataplane else { return false }
    if let old { unfile(name, old, dirtyServices: &dirtyServices) }
    let tags = dataplane.tagValues
    for (tag, values) in tags {
      for value in values.union([TrafficTrace.wildcard]) {
        proxiesByTag[tag, default: [:]][value, default: []].insert(name)
      }
    }
    for service in dataplane.calledServices { callers[service, default: []].insert(name) }
    reach.insert(name, dataplane)
    dirtyServices.formUnion(dataplane.offers.lazy.map(\.service))
    let contribution = dataplane.endpoints
    for (service, endpoints) in contribution {
      contributions[service, default: [:]][name] = endpoints
      dirtyServices.insert(service)
    }
    let winner = policies.winner(for: dataplane.tagSets)
    if let winner { winners[winner.name, default: []].insert(name) }
    proxies[name] = Proxy(dataplane: dataplane, tags: tags, creationTime: old?.creationTime, winner: winner)
    return true
  }

  private mutating func removeProxy(_ name: String, dirtyServices: inout Set<String>) -> Bool {
    guard let old = proxies.removeValue(forKey: name) else { return false }
    unfile(name, old, dirtyServices: &dirtyServices)
    return true
  }

  private mutating func unfile(_ name: String, _ proxy: Proxy, dirtyServices: inout Set<String>) {
    for (tag, values) in proxy.tags {
      for value in values.union([TrafficTrace.wildcard]) {
        proxiesByTag[tag]?[value]?.remove(name)
        if proxiesByTag[tag]?[value]?.isEmpty == true { proxiesByTag[tag]?[value] = nil }
      }
      if proxiesByTag[tag]?.isEmpty == true { proxiesByTag[tag] = nil }
    }
    for service in proxy.dataplane.calledServices { Self.remove(name, from: &callers, at: service) }
    reach.remove(name, proxy.dataplane)
    dirtyServices.formUnion(proxy.dataplane.offers.lazy.map(\.service))
    for service in proxy.dataplane.endpoints.keys {
      contributions[service]?[name] = nil
      if contributions[service]?.isEmpty == true { contributions[service] = nil }
      dirtyServices.insert(service)
    }
    if let winner = proxy.winner { Self.remove(name, from: &winners, at: winner.name) }
  }

  private static func remove(_ name: String, from sets: inout [String: Set<String>], at key: String) {
    sets[key]?.remove(name)
    if sets[key]?.isEmpty == true { sets[key] = nil }
  }

  /// Rebuilds a service from its contributions.
  ///
  /// - Returns: whether it differs from before.
  private mutating func rebuild(_ service: String) -> Bool {
    let old = services[service]
    guard let parts = contributions[service] else {
      services[service] = nil
      downgraded.remove(service)
      return old != nil
    }
    let new = ServiceEndpoints(mesh: name, service: service, endpoints: parts.values.flatMap { $0 })
    guard new != old else { return false }
    services[service] = new
    if new.isDowngraded { downgraded.insert(service) } else { downgraded.remove(service) }
    return true
  }

  /// Brings up to date where a service is reached without outbounds.
  ///
  /// - Returns: whether it differs from before.
  private mutating func refreshReach(of service: String) -> Bool {
    guard reach.concerns(service) else { return false }
    let proxies = proxies
    let offers = (proxiesByTag[TagName.service]?[service] ?? []).lazy
      .flatMap { proxies[$0]?.dataplane.offers ?? [] }.filter { $0.service == service }
    return reach.refresh(service, mesh: name, endpoints: services[service], offers: offers)
  }

  /// Brings up to date which endpoints are reached by their own addresses.
  ///
  /// - Returns: the proxies that are concerned.
  private mutating func refreshDirectPlaces(_ dirtyServices: Set<String>) -> Set<String> {
    var affected: Set<String> = []
    let proxies = proxies
    for service in reach.directServices {
      let isAll = service == TrafficTrace.wildcard
      let isDirty = isAll ? !dirtyServices.isEmpty : dirtyServices.contains(service)
      guard isDirty || reach.directPlaces[service] == nil else { continue }
      let offers = (proxiesByTag[TagName.service]?[service] ?? []).lazy
        .flatMap { proxies[$0]?.dataplane.offers ?? [] }.filter { isAll || $0.service == service }
      affected.formUnion(reach.setDirectPlaces(Set(offers.map(\.place)), of: service))
    }
    return affected
  }

  private mutating func replacePolicies(
    _ changes: [String: (content: TrafficTrace, creationTime: Timestamp)?]
  ) -> Set<String> {
    var concerned: Set<String> = []
    var affected: Set<String> = []
    let mesh = mesh ?? Mesh()
    for (name, change) in changes {
      // In a cluster, a change of a policy's status or labels changes nothing else.
      if let (content, creationTime) = change, policies.holds(name, content, creationTime: creationTime) { continue }
      let old = policies.policy(name)
      let users = winners[name] ?? []
      concerned.formUnion(users)
      guard let (content, creationTime) = change else {
        policies.remove(name)
        continue
      }
      policies.insert(name, content, creationTime: creationTime)
      concerned.formUnion(proxies(matching: content))
      if let old, BackendResolution(old, in: mesh).backend != BackendResolution(content, in: mesh).backend {
        affected.formUnion(users)
      }
    }
    for name in concerned {
      guard let proxy = proxies[name] else { continue }
      let winner = policies.winner(for: proxy.dataplane.tagSets)
      proxies[name]?.winner = winner
      guard winner?.name != proxy.winner?.name else { continue }
      if let old = proxy.winner { Self.remove(name, from: &winners, at: old.name) }
      if let winner { winners[winner.name, default: []].insert(name) }
      affected.insert(name)
    }
    return affected
  }

  // MARK: Questions

  /// The names of the proxies that a policy matches by any selector, winning or not.
  public func proxies(matching policy: TrafficTrace) -> Set<String> {
    var result: Set<String> = []
    for selector in policy.effectiveSelectors {
      // The rarest of the selector's tags bounds the search.
      let lists = selector.match.map { tag, value in proxiesByTag[tag]?[value] ?? [] }
      guard let shortest = lists.min(by: { $0.count < $1.count }) else {
        for (name, proxy) in proxies where !proxy.dataplane.tagSets.isEmpty { result.insert(name) }
        continue
      }
      guard selector.match.count > 1 else {
        result.formUnion(shortest)
        continue
      }
      for name in shortest {
        if proxies[name]?.dataplane.tagSets.contains(where: selector.matches) == true { result.insert(name) }
      }
    }
    return result
  }

  /// The names of the proxies for which a policy is the winner.
  public func proxies(wonBy policy: String) -> Set<String> { winners[policy] ?? [] }

  /// The policy that applies to a proxy.
  public func winner(for proxy: String) -> PolicyPrecedence? { proxies[proxy]?.winner }

  /// Every policy that matches a proxy, the winner first.
  public func candidates(for proxy: String) -> [PolicyPrecedence] {
    policies.candidates(for: proxies[proxy]?.dataplane.tagSets ?? [])
  }

  /// A policy by name.
  public func policy(_ name: String) -> TrafficTrace? { policies.policy(name) }

  /// A proxy by name.
  public func dataplane(_ name: String) -> Dataplane? { proxies[name]?.dataplane }

  /// When a proxy's Dataplane was created; `nil` where it is not known.
  package func creationTime(ofDataplane name: String) -> Timestamp? { proxies[name]?.creationTime }

  /// The names of all policies.
  public var policyNames: some Collection<String> { policies.names }

  /// The names of all proxies.
  public var dataplaneNames: some Collection<String> { proxies.keys }

  /// The backend of a proxy's winning policy; `nil` when no policy matches.
  public func resolution(for proxy: String) -> BackendResolution? {
    guard let winner = proxies[proxy]?.winner, let policy = policies.policy(winner.name) else { return nil }
    return BackendResolution(policy, in: mesh ?? Mesh())
  }
}
