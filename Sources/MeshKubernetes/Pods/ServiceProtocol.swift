import MeshModel

/// What a port of a Service says about its protocol. Source: Kuma 2.7.
package enum ServiceProtocol {
  /// The protocol of a port: its `appProtocol` if that is one of Kuma's, else the annotation in lower case, whatever it says,
  /// else `tcp`.
  package static func tag(of port: ObservedService.Port, _ service: ObservedService) -> String {
    given(port, service) ?? "tcp"
  }

  /// The TCP ports of a Service of which nothing says the protocol, so that they are `tcp` and none of their requests is
  /// traced.
  package static func silentPorts(of service: ObservedService) -> [ObservedService.Port] {
    service.ports.filter { $0.isTCP && given($0, service) == nil }
  }

  /// What to tell of a Service of which some port does not say its protocol; `nil` when all do.
  package static func advice(about service: ObservedService) -> String? {
    let ports = silentPorts(of: service)
    guard let first = ports.first else { return nil }
    let shown = ports.prefix(5).map { port in
      guard let name = port.appProtocol, !name.isEmpty else { return "port \(port.number) has no appProtocol" }
      return "port \(port.number) has the appProtocol \(name.abridged(to: 63).quoted), which is none of "
        + Dataplane.protocols.joined(separator: ", ")
    }
    return
      "\(shown.joined(separator: ", "))\(ports.count > shown.count ? ", …" : ""); so the protocol is tcp and no request is "
      + "traced; set appProtocol: http on the port, or the annotation "
      + "\(ServiceAnnotation.protocolKey(port: Int(first.number))): http on the Service (tcp, if it is not HTTP)"
  }

  private static func given(_ port: ObservedService.Port, _ service: ObservedService) -> String? {
    if let name = port.appProtocol, Dataplane.isProtocol(name) { return name.lowercased() }
    let annotation = service.annotations[ServiceAnnotation.protocolKey(port: Int(port.number))]
    return annotation.flatMap { $0.isEmpty ? nil : $0.lowercased() }
  }
}
