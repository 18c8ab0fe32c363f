import MeshModel

extension Dataplane {
  /// Whether an inbound sees HTTP. Its address may be a host name that is not resolved yet.
  var hasHTTPInbound: Bool {
    networking?.inbound.contains {
      $0.port != Inbound.servicelessPort && ServiceProtocol(tag: $0.tags[TagName.protocol]).isHTTP
    } ?? false
  }

  /// The services that the proxy calls.
  var calledServices: Set<String> {
    Set(networking?.outbound.compactMap { $0.tags[TagName.service] } ?? [])
  }

  /// The healthy endpoints that the proxy offers, by service.
  var endpoints: [String: [ServiceEndpoints.Endpoint]] {
    guard let networking else { return [:] }
    var result: [String: [ServiceEndpoints.Endpoint]] = [:]
    for inbound in networking.inbound where inbound.isHealthy && inbound.port != Inbound.servicelessPort {
      guard let service = inbound.tags[TagName.service], let port = UInt16(exactly: inbound.port), port > 0
      else { continue }
      let own = inbound.address.isEmpty ? networking.address : inbound.address
      let address = networking.advertisedAddress.isEmpty ? own : networking.advertisedAddress
      // A host name that is not resolved yet cannot be sent to a proxy.
      guard HostRules.isIP(address) else { continue }
      result[service, default: []].append(
        ServiceEndpoints.Endpoint(address: address, port: port, tags: inbound.tags))
    }
    return result
  }
}

extension Dataplane.Inbound {
  func configuration(proxyAddress: String) -> ProxyConfiguration.Inbound? {
    guard port != Self.servicelessPort, let listenerPort = UInt16(exactly: port), listenerPort > 0,
      let workloadPort = UInt16(exactly: servicePort == 0 ? port : servicePort)
    else { return nil }
    let listener = address.isEmpty ? proxyAddress : address
    guard HostRules.isIP(listener) else { return nil }
    return ProxyConfiguration.Inbound(
      address: listener, port: listenerPort, workloadAddress: serviceAddress.isEmpty ? listener : serviceAddress,
      workloadPort: workloadPort, service: tags[TagName.service] ?? "",
      serviceProtocol: ServiceProtocol(tag: tags[TagName.protocol]), tags: tags)
  }
}
