import MeshModel
import OrderedCollections

extension Dataplane.TransparentProxying {
  /// The port to which the application's connections are led; `nil` for none.
  package var outboundPort: UInt16? { Self.port(redirectPortOutbound) }

  /// Whether connections are led to the proxy in both directions, so that its listeners are not bound. Source: Kuma 2.7.
  package var isComplete: Bool { outboundPort != nil && Self.port(redirectPortInbound) != nil }

  fileprivate static func port(_ number: UInt32?) -> UInt16? {
    number.flatMap { UInt16(exactly: $0) }.flatMap { $0 == 0 ? nil : $0 }
  }
}

extension Dataplane {
  /// Which services of the mesh an application reaches at the services' own addresses.
  enum Reach {
    case none
    case all
    case only([String])
  }

  /// What the application reaches without outbounds in its Dataplane.
  var reach: Reach {
    guard let networking, networking.outbound.isEmpty, let capture = networking.transparentProxying, capture.isComplete,
      networking.gateway?.isBuiltin != true
    else { return .none }
    return capture.reachableServices.map(Reach.only) ?? .all
  }

  /// Whether the proxy takes its application's connections.
  var capturesTraffic: Bool { networking?.transparentProxying?.outboundPort != nil }

  /// The services whose endpoints the application reaches by their own addresses; `*` for all.
  var directAccessServices: [String] {
    guard let capture = networking?.transparentProxying, capture.isComplete else { return [] }
    return capture.directAccessServices
  }

  /// The inbounds that offer a service, ready or not, with their addresses.
  var offers: [Offer] {
    guard let networking else { return [] }
    return networking.inbound.compactMap { inbound in
      guard let service = inbound.tags[TagName.service], inbound.state != "Ignored",
        inbound.port != Inbound.servicelessPort, let port = UInt16(exactly: inbound.port), port > 0
      else { return nil }
      let address = inbound.address.isEmpty ? networking.address : inbound.address
      return HostRules.isIP(address)
        ? Offer(service: service, place: SocketAddress(address, port), tags: inbound.tags) : nil
    }
  }

  /// How the proxy takes connections; `nil` when it does not.
  ///
  /// - Parameter callerTags: ``tagValues``, which is known already.
  func capture(
    passesThrough: Bool, shared: SharedOutbounds, callerTags: [String: Set<String>], directPlaces: [SocketAddress]
  ) -> TrafficCapture? {
    guard let section = networking?.transparentProxying, let outboundPort = section.outboundPort else { return nil }
    var capture = TrafficCapture(
      outboundPort: outboundPort, passesThrough: passesThrough, ownPlaces: ownPlaces, callerTags: callerTags,
      directPlaces: directPlaces)
    if section.isComplete {
      capture.inboundPort = Dataplane.TransparentProxying.port(section.redirectPortInbound)
      capture.inboundPortV6 = Dataplane.TransparentProxying.port(section.inboundPortV6)
    }
    if case .all = reach { capture.shared = shared }
    return capture
  }

  /// The addresses of the proxy's own listeners.
  var ownPlaces: Set<SocketAddress> {
    Set(
      (networking?.inbound ?? []).compactMap { inbound in
        let address = inbound.address.isEmpty ? networking?.address ?? "" : inbound.address
        return UInt16(exactly: inbound.port).map { SocketAddress(address, $0) }
      })
  }

  /// The listener that opens the proxy's administration to the network; `nil` when the proxy has no port for it.
  ///
  /// - Parameter port: the port that the proxy itself has named.
  func adminListener(port: UInt16?, access: AdminAccess?) -> AdminListener? {
    guard let address = networking?.address, HostRules.isIP(address), !HostRules.isLoopback(address),
      let port = port ?? Dataplane.TransparentProxying.port(networking?.adminPort)
    else { return nil }
    let place = SocketAddress(address, port)
    return ownPlaces.contains(place) ? nil : AdminListener(place: place, adminPort: port, access: access)
  }

  /// The listener for health checks; `nil` when there is none, or when an inbound has its port.
  func probeListener(inbounds: [ProxyConfiguration.Inbound]) -> ProbeListener? {
    guard let probes, let address = networking?.address, HostRules.isIP(address),
      let port = Dataplane.TransparentProxying.port(probes.port)
    else { return nil }
    let place = SocketAddress(address, port)
    guard !ownPlaces.contains(place) else { return nil }
    let served = Set(inbounds.map(\.workloadPort))
    return ProbeListener(
      place: place,
      probes: probes.endpoints.compactMap { endpoint in
        guard let port = Dataplane.TransparentProxying.port(endpoint.inboundPort) else { return nil }
        return ProbeListener.Probe(
          path: Self.path(endpoint.path), applicationPath: Self.path(endpoint.inboundPath), port: port,
          hasInbound: served.contains(port))
      })
  }

  /// The path of a request's target, without its query.
  private static func path(_ target: String) -> String {
    String(target.prefix { $0 != "?" && $0 != "#" })
  }
}

/// An inbound that offers a service, ready or not.
struct Offer {
  var service: String
  var place: SocketAddress
  var tags: [String: String]
}

extension Mesh {
  /// Whether applications reach what the mesh does not know. Source: Kuma 2.7.
  package var passesThrough: Bool { otherSections["networking"]?["outbound"]?["passthrough"]?.bool != false }
}
