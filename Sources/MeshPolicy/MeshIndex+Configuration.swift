import MeshModel

extension MeshIndex {
  /// The configuration of a proxy; `nil` when there is no such proxy.
  public func configuration(for proxy: String) -> ProxyConfiguration? {
    configuration(for: proxy, adminPort: nil, adminAccess: nil)
  }

  /// The configuration of a proxy; `nil` when there is no such proxy.
  ///
  /// - Parameters:
  ///   - adminPort: the port of its Envoy's administration, when the proxy itself has named one.
  ///   - adminAccess: the certificates with which the administration is open to the control plane.
  ///   - ownCollector: the control planes' own collectors.
  package func configuration(
    for proxy: String, adminPort: UInt16?, adminAccess: AdminAccess?, ownCollector: OwnCollector? = nil
  ) -> ProxyConfiguration? {
    guard let known = proxies[proxy], let networking = known.dataplane.networking else { return nil }
    let dataplane = known.dataplane
    var configuration = ProxyConfiguration(
      proxy: ProxyID(mesh: name, name: proxy), identifyingService: dataplane.identifyingService,
      isIPv6: HostRules.isIPv6(networking.address),
      inbounds: networking.inbound.compactMap { $0.configuration(proxyAddress: networking.address) },
      outbounds: networking.outbound.compactMap { outbound in
        guard let service = outbound.tags[TagName.service], let port = UInt16(exactly: outbound.port), port > 0
        else { return nil }
        return ProxyConfiguration.Outbound(
          address: outbound.address.isEmpty ? "127.0.0.1" : outbound.address, port: port,
          destination: services[service] ?? ServiceEndpoints(mesh: name, service: service, endpoints: []),
          callerTags: known.tags)
      },
      tracing: resolution(for: proxy)?.backend.flatMap { collectors.destinations[$0.name] })
    configuration.collectorAccess = configuration.tracing.flatMap { access(to: $0, ownCollector) }
    configuration.probes = dataplane.probeListener(inbounds: configuration.inbounds)
    guard dataplane.capturesTraffic, let capture = self.capture(of: known) else { return configuration }
    configuration.capture = capture
    configuration.admin = dataplane.adminListener(port: adminPort, access: adminAccess)
    if case .only(let services) = dataplane.reach {
      configuration.outbounds = reach.reached(of: services).filter { capture.reaches($0.place) }.map { reached in
        ProxyConfiguration.Outbound(
          address: reached.place.address, port: reached.place.port, destination: reached.destination,
          callerTags: known.tags)
      }
    }
    return configuration
  }

  private func capture(of proxy: Proxy) -> TrafficCapture? {
    let direct = proxy.dataplane.directAccessServices
    let places =
      direct.count == 1
      ? reach.directPlaces[direct[0]] ?? []
      : Set(direct.flatMap { reach.directPlaces[$0] ?? [] }).sorted()
    return proxy.dataplane.capture(
      passesThrough: mesh?.passesThrough ?? true, shared: reach.shared, callerTags: proxy.tags, directPlaces: places)
  }
}

extension ProxyConfiguration {
  /// What the proxy calls: its own outbounds, and those that it has in common with others.
  package var allOutbounds: [Outbound] {
    guard let capture, let shared = capture.shared else { return outbounds }
    return outbounds
      + shared.entries.filter { capture.reaches($0.place) }.map { reached in
        Outbound(
          address: reached.place.address, port: reached.place.port, destination: reached.destination,
          callerTags: capture.callerTags)
      }
  }
}
