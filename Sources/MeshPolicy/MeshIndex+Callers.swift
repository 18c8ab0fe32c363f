import MeshModel

extension MeshIndex {
  /// Whether a proxy calls a service.
  func calls(_ proxy: String, _ service: String) -> Bool {
    callers[service]?.contains(proxy) == true || reach.reaches(proxy, service)
  }

  /// Whether one of the callers of a service satisfies a condition.
  func hasCaller(_ service: String, where isMeant: (String) -> Bool) -> Bool {
    callers[service]?.contains(where: isMeant) == true || reach.hasCaller(service, where: isMeant)
  }

  /// Whether any listener of a proxy sees HTTP, so that the proxy can leave spans.
  func hasHTTPListener(_ proxy: String) -> Bool {
    guard let dataplane = proxies[proxy]?.dataplane else { return false }
    if dataplane.hasHTTPInbound { return true }
    if dataplane.calledServices.contains(where: { services[$0]?.serviceProtocol.isHTTP == true }) { return true }
    switch dataplane.reach {
    case .none: return false
    case .all: return reach.shared.hasHTTP
    case .only(let services):
      return services.contains { reach.entries[$0]?.contains { $0.destination.serviceProtocol.isHTTP } == true }
    }
  }
}
