import MeshModel

/// The identity of a proxy.
public struct ProxyID: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The mesh.
  public var mesh: String
  /// The data plane proxy's name.
  public var name: String

  /// Names a proxy.
  public init(mesh: String, name: String) {
    self.mesh = mesh
    self.name = name
  }

  /// Parses Envoy's node id, `<mesh>.<name>`. The name may contain dots. `nil` when there is no dot.
  public init?(nodeID: String) {
    guard let dot = nodeID.firstIndex(of: "."), dot != nodeID.startIndex else { return nil }
    let name = nodeID[nodeID.index(after: dot)...]
    guard !name.isEmpty else { return nil }
    self.init(mesh: String(nodeID[..<dot]), name: String(name))
  }

  /// Envoy's node id.
  public var description: String { "\(mesh).\(name)" }

  /// By mesh, then name.
  public static func < (a: ProxyID, b: ProxyID) -> Bool { (a.mesh, a.name) < (b.mesh, b.name) }
}

/// Everything that decides one proxy's configuration, independent of the documents and of Envoy's messages.
public struct ProxyConfiguration: Sendable, Hashable {
  /// The proxy.
  public var proxy: ProxyID
  /// The service that identifies the proxy: the alphabetically first of its services.
  public var identifyingService: String
  /// Whether the proxy's own address is IPv6, which decides how names of collectors are resolved.
  public var isIPv6: Bool
  /// What the proxy serves, in the order of the Dataplane.
  public var inbounds: [Inbound]
  /// What the proxy calls, in the order of the Dataplane.
  public var outbounds: [Outbound]
  /// Where spans go; `nil` when the proxy is not traced.
  public var tracing: TracingDestination?
  /// What the proxy needs to reach the collector beside its address; `nil` for what Kuma configures.
  package var collectorAccess: CollectorAccess?
  /// How the proxy takes its application's connections; `nil` when the application makes them to the proxy.
  package var capture: TrafficCapture?
  /// The listener for health checks; `nil` for none.
  package var probes: ProbeListener?
  /// The listener for the proxy's administration; `nil` for none.
  package var admin: AdminListener?

  /// Makes a configuration.
  public init(
    proxy: ProxyID, identifyingService: String, isIPv6: Bool, inbounds: [Inbound], outbounds: [Outbound],
    tracing: TracingDestination?
  ) {
    self.proxy = proxy
    self.identifyingService = identifyingService
    self.isIPv6 = isIPv6
    self.inbounds = inbounds
    self.outbounds = outbounds
    self.tracing = tracing
  }

  /// A listener in front of the application.
  public struct Inbound: Sendable, Hashable {
    /// The listener's IP address.
    public var address: String
    /// The listener's port.
    public var port: UInt16
    /// The application's IP address.
    public var workloadAddress: String
    /// The application's port.
    public var workloadPort: UInt16
    /// The service.
    public var service: String
    /// The service's protocol, from this inbound's own tag.
    public var serviceProtocol: ServiceProtocol
    /// The inbound's tags.
    public var tags: [String: String]

    /// Makes an inbound.
    public init(
      address: String, port: UInt16, workloadAddress: String, workloadPort: UInt16, service: String,
      serviceProtocol: ServiceProtocol, tags: [String: String]
    ) {
      self.address = address
      self.port = port
      self.workloadAddress = workloadAddress
      self.workloadPort = workloadPort
      self.service = service
      self.serviceProtocol = serviceProtocol
      self.tags = tags
    }
  }

  /// A listener through which the application calls a service.
  public struct Outbound: Sendable, Hashable {
    /// The listener's IP address.
    public var address: String
    /// The listener's port.
    public var port: UInt16
    /// The service called, with its endpoints.
    public var destination: ServiceEndpoints
    /// The calling proxy's tags, all values of each name; Envoy sends them to the destination in a header.
    public var callerTags: [String: Set<String>]

    /// Makes an outbound.
    public init(
      address: String, port: UInt16, destination: ServiceEndpoints, callerTags: [String: Set<String>]
    ) {
      self.address = address
      self.port = port
      self.destination = destination
      self.callerTags = callerTags
    }
  }
}

/// A service, or one instance of it, as its callers see it. One object is shared by all callers, so that it is encoded once for all of them.
public final class ServiceEndpoints: Sendable, Hashable {
  /// The mesh.
  public let mesh: String
  /// The service's name.
  public let service: String
  /// The instance that is called; `nil` for any.
  public let instance: String?
  /// The protocol that all healthy endpoints support; without any, that of those that are not ready, where these are known.
  public let serviceProtocol: ServiceProtocol
  /// The healthy endpoints, sorted.
  public let endpoints: [Endpoint]
  /// Whether the service is handled as TCP although some endpoints speak HTTP.
  public let isDowngraded: Bool
  private let hash: Int

  /// An instance of a service.
  public struct Endpoint: Sendable, Hashable, Comparable {
    /// The IP address.
    public var address: String
    /// The port.
    public var port: UInt16
    /// The instance's tags.
    public var tags: [String: String]

    /// Makes an endpoint.
    public init(address: String, port: UInt16, tags: [String: String]) {
      self.address = address
      self.port = port
      self.tags = tags
    }

    /// Orders by address, port, then tags, so that the order is total.
    public static func < (a: Endpoint, b: Endpoint) -> Bool {
      if a.address != b.address { return a.address < b.address }
      if a.port != b.port { return a.port < b.port }
      guard a.tags != b.tags else { return false }
      return a.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        .lexicographicallyPrecedes(b.tags.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    }
  }

  /// Makes a service from its healthy endpoints in any order.
  ///
  /// - Parameter unready: the protocols of the endpoints that are not ready. They count when there are no others.
  public init(
    mesh: String, service: String, instance: String? = nil, endpoints: [Endpoint], unready: [ServiceProtocol] = []
  ) {
    self.mesh = mesh
    self.service = service
    self.instance = instance
    self.endpoints = endpoints.sorted()
    let protocols = endpoints.isEmpty ? unready : endpoints.map { ServiceProtocol(tag: $0.tags[TagName.protocol]) }
    self.serviceProtocol = protocols.dropFirst().reduce(protocols.first ?? .unknown) { $0.common(with: $1) }
    self.isDowngraded = !serviceProtocol.isHTTP && protocols.contains(where: \.isHTTP)
    var hasher = Hasher()
    hasher.combine(mesh)
    hasher.combine(service)
    hasher.combine(instance)
    hasher.combine(serviceProtocol)
    hasher.combine(self.endpoints)
    self.hash = hasher.finalize()
  }

  /// Whether mesh, service, instance, protocol and endpoints are the same.
  public static func == (a: ServiceEndpoints, b: ServiceEndpoints) -> Bool {
    a === b
      || (a.hash == b.hash && a.mesh == b.mesh && a.service == b.service && a.instance == b.instance
        && a.serviceProtocol == b.serviceProtocol && a.endpoints == b.endpoints)
  }

  /// Hashes the precomputed hash.
  public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
