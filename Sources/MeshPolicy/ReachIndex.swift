import MeshModel

/// Who reaches which services of a mesh at the services' own addresses: a value that ``MeshIndex`` keeps up to date.
struct ReachIndex: Sendable {
  /// Where services of all meshes are reached.
  private(set) var addresses: [String: ServiceAddress]
  /// The services of the mesh that are reached, and where.
  private(set) var entries: [String: [ReachedService]] = [:]
  /// What every unrestricted application reaches. It is kept up to date as long as there is one.
  private(set) var shared = SharedOutbounds.none
  private var isStale = false
  /// The proxies that take their applications' connections.
  private(set) var capturing: Set<String> = []
  /// Those whose applications reach all services.
  private(set) var unrestricted: Set<String> = []
  /// Those whose applications reach certain services, by service.
  private var restricted: [String: Set<String>] = [:]
  /// Those whose applications reach the endpoints of certain services by their own addresses, by service.
  private var direct: [String: Set<String>] = [:]
  /// The addresses of all endpoints of the services in ``direct``, sorted.
  private(set) var directPlaces: [String: [SocketAddress]] = [:]

  init(addresses: [String: ServiceAddress]) { self.addresses = addresses }

  // MARK: Proxies

  mutating func insert(_ name: String, _ dataplane: Dataplane) {
    if dataplane.capturesTraffic { capturing.insert(name) }
    switch dataplane.reach {
    case .none: break
    case .all: unrestricted.insert(name)
    case .only(let services): for service in services { restricted[service, default: []].insert(name) }
    }
    for service in dataplane.directAccessServices { direct[service, default: []].insert(name) }
  }

  mutating func remove(_ name: String, _ dataplane: Dataplane) {
    capturing.remove(name)
    switch dataplane.reach {
    case .none: break
    case .all: unrestricted.remove(name)
    case .only(let services): for service in services { Self.remove(name, from: &restricted, at: service) }
    }
    for service in dataplane.directAccessServices {
      Self.remove(name, from: &direct, at: service)
      if direct[service] == nil { directPlaces[service] = nil }
    }
  }

  private static func remove(_ name: String, from sets: inout [String: Set<String>], at key: String) {
    sets[key]?.remove(name)
    if sets[key]?.isEmpty == true { sets[key] = nil }
  }

  // MARK: Services

  /// Takes new addresses of services.
  ///
  /// - Returns: the services whose addresses differ.
  mutating func take(_ changes: [String: ServiceAddress?]) -> [String] {
    changes.compactMap { service, address in
      guard addresses[service] != address else { return nil }
      addresses[service] = address
      return service
    }
  }

  /// Whether anything here depends on a service.
  func concerns(_ service: String) -> Bool { addresses[service] != nil || entries[service] != nil }

  /// Replaces where a service is reached.
  ///
  /// - Parameters:
  ///   - endpoints: the service with its healthy endpoints; `nil` when it has none.
  ///   - offers: the inbounds that offer the service, ready or not.
  /// - Returns: whether anything differs.
  mutating func refresh(
    _ service: String, mesh: String, endpoints: ServiceEndpoints?, offers: some Sequence<Offer>
  ) -> Bool {
    let new = Self.entries(of: service, at: addresses[service], mesh: mesh, endpoints: endpoints, offers: offers)
    guard new != entries[service] else { return false }
    entries[service] = new
    isStale = true
    return true
  }

  private static func entries(
    of service: String, at address: ServiceAddress?, mesh: String, endpoints: ServiceEndpoints?,
    offers: some Sequence<Offer>
  ) -> [ReachedService]? {
    guard let address, offers.contains(where: { _ in true }) else { return nil }
    switch address {
    case .virtual(let addresses, let port):
      // A listener must not become one of TCP while the only pod of a service restarts.
      let destination =
        endpoints
        ?? ServiceEndpoints(
          mesh: mesh, service: service, endpoints: [],
          unready: offers.map { ServiceProtocol(tag: $0.tags[TagName.protocol]) })
      return addresses.filter { HostRules.isIP($0) }.map {
        ReachedService(place: SocketAddress($0, port), destination: destination)
      }
    case .headless:
      // An instance that is not ready is reached too: its address is all that a caller can mean.
      let instances = Dictionary(grouping: offers) { offer in
        offer.tags[TagName.instance] ?? "\(offer.place.address):\(offer.place.port)"
      }
      return instances.sorted { $0.key < $1.key }.flatMap { instance, offers in
        let destination = ServiceEndpoints(
          mesh: mesh, service: service, instance: instance,
          endpoints: offers.map {
            ServiceEndpoints.Endpoint(address: $0.place.address, port: $0.place.port, tags: $0.tags)
          })
        return offers.map(\.place).sorted().map { ReachedService(place: $0, destination: destination) }
      }
    }
  }

  /// Brings ``shared`` up to date. Call it after the last ``refresh(_:mesh:endpoints:offers:)`` of a change.
  mutating func update() {
    guard isStale, !unrestricted.isEmpty else { return }
    isStale = false
    let all = entries.sorted { $0.key < $1.key }.lazy.flatMap(\.value)
    shared = SharedOutbounds(all, after: shared)
  }

  // MARK: Endpoints by their own addresses

  /// The services whose endpoints someone reaches by their own addresses; `*` for all.
  var directServices: some Collection<String> { direct.keys }

  /// Replaces the addresses of a service's endpoints; `*` for those of all services.
  ///
  /// - Returns: the proxies that are concerned.
  mutating func setDirectPlaces(_ places: Set<SocketAddress>, of service: String) -> Set<String> {
    let sorted = places.sorted()
    guard directPlaces[service] != sorted else { return [] }
    directPlaces[service] = sorted
    return direct[service] ?? []
  }

  // MARK: Questions

  /// The proxies whose applications reach a service at its own addresses.
  func callers(of service: String) -> Set<String> {
    unrestricted.union(restricted[service] ?? [])
  }

  /// Whether one of those proxies satisfies a condition.
  func hasCaller(_ service: String, where isMeant: (String) -> Bool) -> Bool {
    guard entries[service] != nil else { return false }
    return unrestricted.contains(where: isMeant) || restricted[service]?.contains(where: isMeant) == true
  }

  /// Whether a proxy's application reaches a service at its own addresses.
  func reaches(_ proxy: String, _ service: String) -> Bool {
    entries[service] != nil && (unrestricted.contains(proxy) || restricted[service]?.contains(proxy) == true)
  }

  /// What an application reaches that may call only these services.
  func reached(of services: [String]) -> [ReachedService] {
    var places: Set<SocketAddress> = []
    return Set(services).sorted().flatMap { entries[$0] ?? [] }.filter { places.insert($0.place).inserted }
  }
}
