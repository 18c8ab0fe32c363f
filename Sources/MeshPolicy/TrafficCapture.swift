import MeshModel

/// How a proxy takes its application's connections without the application's help, and what the application reaches then.
package struct TrafficCapture: Sendable, Hashable {
  /// The port to which the application's own connections are led.
  package var outboundPort: UInt16
  /// The port to which connections to the application are led; `nil` when they are made to the listeners themselves.
  package var inboundPort: UInt16?
  /// The same for IPv6; `nil` when no IPv6 is led to the proxy.
  package var inboundPortV6: UInt16?
  /// Whether connections to what the mesh does not know go on to where they were made to.
  package var passesThrough: Bool
  /// What the application reaches as every unrestricted one does; `nil` when its outbounds are its own.
  package var shared: SharedOutbounds?
  /// Addresses of the proxy's own, at which it makes no outbound.
  package var ownPlaces: Set<SocketAddress>
  /// The calling proxy's tags, as in ``ProxyConfiguration/Outbound``.
  package var callerTags: [String: Set<String>]
  /// Addresses of endpoints that the application reaches without the services that they belong to.
  package var directPlaces: [SocketAddress]

  /// Whether IPv6 is led to the proxy.
  package var takesIPv6: Bool { inboundPortV6 != nil }

  /// Whether a shared outbound is one of this proxy.
  package func reaches(_ place: SocketAddress) -> Bool {
    !ownPlaces.contains(place) && (takesIPv6 || !HostRules.isIPv6(place.address))
  }
}

/// A listener that answers health checks of the application.
package struct ProbeListener: Sendable, Hashable {
  /// Where it listens.
  package var place: SocketAddress
  /// The checks.
  package var probes: [Probe]

  /// One health check.
  package struct Probe: Sendable, Hashable {
    /// The path that is asked for.
    package var path: String
    /// The application's path.
    package var applicationPath: String
    /// The application's port.
    package var port: UInt16
    /// Whether an inbound leads to that port. If none does, the one who asks is told to ask there.
    package var hasInbound: Bool
  }
}

/// A listener that opens a proxy's administration to the network.
package struct AdminListener: Sendable, Hashable {
  /// Where it listens.
  package var place: SocketAddress
  /// The port of Envoy's administration on the loopback address.
  package var adminPort: UInt16
  /// The certificates of those who may ask for more than the readiness; `nil` when nobody may.
  package var access: AdminAccess?

  /// Makes a listener.
  package init(place: SocketAddress, adminPort: UInt16, access: AdminAccess?) {
    self.place = place
    self.adminPort = adminPort
    self.access = access
  }
}
