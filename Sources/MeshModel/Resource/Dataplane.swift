public import OrderedCollections

/// A data plane proxy: where it listens, what it serves and what it calls.
public struct Dataplane: Sendable, Hashable {
  /// The proxy's network interfaces.
  public var networking: Networking?
  /// The application's health checks that the proxy answers in plain HTTP.
  public var probes: Probes?
  /// Sections of other features (`metrics`, `envoy`), kept as they were given and not interpreted.
  public var otherSections: DocumentValue.Object

  /// Makes a proxy.
  public init(networking: Networking?, probes: Probes? = nil, otherSections: DocumentValue.Object = [:]) {
    self.networking = networking
    self.probes = probes
    self.otherSections = otherSections
  }

  /// `Dataplane.networking`.
  public struct Networking: Sendable, Hashable {
    /// The address at which other proxies reach this one: an IP address or a host name.
    public var address: String
    /// The address given to other proxies instead of ``address``; empty for none.
    public var advertisedAddress: String
    /// What the proxy serves.
    public var inbound: [Inbound]
    /// What the proxy calls.
    public var outbound: [Outbound]
    /// The gateway section, for proxies without inbounds.
    public var gateway: Gateway?
    /// The port of Envoy's administration interface; `nil` for none given.
    public var adminPort: UInt32?
    /// How the application's traffic reaches the proxy without the application's help; `nil` when it does not.
    public var transparentProxying: TransparentProxying?

    /// Makes a networking section.
    public init(
      address: String, advertisedAddress: String = "", inbound: [Inbound] = [], outbound: [Outbound] = [],
      gateway: Gateway? = nil, adminPort: UInt32? = nil, transparentProxying: TransparentProxying? = nil
    ) {
      self.address = address
      self.advertisedAddress = advertisedAddress
      self.inbound = inbound
      self.outbound = outbound
      self.gateway = gateway
      self.adminPort = adminPort
      self.transparentProxying = transparentProxying
    }
  }

  /// A port at which the proxy takes requests for its service.
  public struct Inbound: Sendable, Hashable {
    /// The listener's port.
    public var port: UInt32
    /// The application's port; 0 for the same as ``port``.
    public var servicePort: UInt32
    /// The application's address; empty for the listener's.
    public var serviceAddress: String
    /// The listener's address; empty for the proxy's.
    public var address: String
    /// Tags; `kuma.io/service` names the service.
    public var tags: [String: String]
    /// Whether the application is ready, when that is known.
    public var ready: Bool?
    /// `Ready`, `NotReady` or `Ignored`; empty for not given.
    public var state: String
    /// Fields of other features, kept as they were given.
    public var otherFields: DocumentValue.Object

    /// Makes an inbound.
    public init(
      port: UInt32, servicePort: UInt32 = 0, serviceAddress: String = "", address: String = "",
      tags: [String: String], ready: Bool? = nil, state: String = "", otherFields: DocumentValue.Object = [:]
    ) {
      self.port = port
      self.servicePort = servicePort
      self.serviceAddress = serviceAddress
      self.address = address
      self.tags = tags
      self.ready = ready
      self.state = state
      self.otherFields = otherFields
    }
  }

  /// A service that the application calls through the proxy.
  public struct Outbound: Sendable, Hashable {
    /// The listener's port.
    public var port: UInt32
    /// The listener's address; empty for 127.0.0.1.
    public var address: String
    /// Tags of the destination; `kuma.io/service` names the service.
    public var tags: [String: String]

    /// Makes an outbound.
    public init(port: UInt32, address: String = "", tags: [String: String]) {
      self.port = port
      self.address = address
      self.tags = tags
    }
  }

  /// A gateway: a proxy that has only outbounds, in front of a gateway program.
  public struct Gateway: Sendable, Hashable {
    /// Tags; `kuma.io/service` names the service.
    public var tags: [String: String]
    /// `DELEGATED`, `BUILTIN` or empty for the former.
    public var type: String

    /// Makes a gateway section.
    public init(tags: [String: String], type: String = "") {
      self.tags = tags
      self.type = type
    }

    /// Whether the gateway is served by the proxy itself.
    public var isBuiltin: Bool { type == "BUILTIN" }
  }
}

/// The names of well-known tags.
public enum TagName {
  /// The service that a proxy serves or calls.
  public static let service = "kuma.io/service"
  /// The protocol that a service speaks.
  public static let `protocol` = "kuma.io/protocol"
  /// The zone of a proxy.
  public static let zone = "kuma.io/zone"
  /// One instance of a service, such as a pod behind a headless Service.
  public static let instance = "kuma.io/instance"
}

extension Dataplane {
  /// The tag sets of the inbounds, or of the gateway when there are none.
  public var tagSets: [[String: String]] {
    guard let networking else { return [] }
    if let gateway = networking.gateway { return [gateway.tags] }
    return networking.inbound.map(\.tags)
  }

  /// All values of each tag over all inbounds and the gateway.
  public var tagValues: [String: Set<String>] {
    var values: [String: Set<String>] = [:]
    for tags in tagSets {
      for (name, value) in tags { values[name, default: []].insert(value) }
    }
    return values
  }

  /// The service that identifies the proxy: the alphabetically first of its services, `unknown` when it has none.
  /// Source: Kuma 2.7.
  public var identifyingService: String {
    tagSets.compactMap { $0[TagName.service] }.min() ?? "unknown"
  }

  /// The proxy with its zone tag set to the control plane's, as Kuma does for every inbound and gateway.
  public func settingZone(_ zone: String) -> Dataplane {
    guard !zone.isEmpty, var networking else { return self }
    for index in networking.inbound.indices { networking.inbound[index].tags[TagName.zone] = zone }
    networking.gateway?.tags[TagName.zone] = zone
    var result = self
    result.networking = networking
    return result
  }
}

extension Dataplane.Inbound {
  /// Whether the inbound takes part in load balancing: its application is not known to be unready.
  public var isHealthy: Bool {
    switch state {
    case "NotReady", "Ignored": false
    case "Ready": true
    default: ready ?? true
    }
  }

  /// The port that stands for pods without a service: no listener is made for it.
  public static let servicelessPort: UInt32 = 49_151
}
