extension Dataplane {
  /// Every violation, in the order of the document.
  func violations() -> [Violation] {
    var violations: [Violation] = []
    let path = FieldPath("networking")
    guard let networking else {
      violations.add(path, "must be defined")
      return violations
    }
    networking.checkAdminPort(at: path.field("admin").field("port"), into: &violations)
    if let gateway = networking.gateway {
      let kind = gateway.isBuiltin ? "builtin" : "delegated"
      if !networking.inbound.isEmpty {
        violations.add(path.field("inbound"), "inbound cannot be defined for \(kind) gateways")
      }
      if gateway.isBuiltin, !networking.outbound.isEmpty {
        violations.add(path.field("outbound"), "outbound cannot be defined for \(kind) gateways")
      }
      if gateway.isBuiltin, probes != nil {
        violations.add(path.field("probes"), "probes cannot be defined for builtin gateways")
      }
      // Kuma checks a gateway's tags before the address.
      gateway.check(at: path.field("gateway"), into: &violations)
    } else if networking.inbound.isEmpty {
      violations.add(path, "has to contain at least one inbound interface or gateway")
    }
    Self.check(address: networking.address, at: path.field("address"), into: &violations)
    if !networking.advertisedAddress.isEmpty {
      Self.check(
        address: networking.advertisedAddress, at: path.field("advertisedAddress"), into: &violations)
    }
    for (index, inbound) in networking.inbound.enumerated() {
      inbound.check(proxyAddress: networking.address, at: path.field("inbound").index(index), into: &violations)
    }
    for (index, outbound) in networking.outbound.enumerated() {
      outbound.check(at: path.field("outbound").index(index), into: &violations)
    }
    networking.transparentProxying?.check(at: path.field("transparentProxying"), into: &violations)
    if networking.gateway?.isBuiltin != true { probes?.check(at: FieldPath("probes"), into: &violations) }
    return violations
  }

  /// The protocols that a tag may name, in the order in which Kuma lists them; upper case is accepted.
  package static let protocols = ["grpc", "http", "http2", "kafka", "tcp"]

  /// Whether a text names a protocol.
  public static func isProtocol(_ name: String) -> Bool { protocols.contains(name.lowercased()) }

  /// The sentence that lists the protocols.
  public static var allowedProtocols: String { "Allowed values: \(protocols.joined(separator: ", "))" }

  private static func check(address: String, at path: FieldPath, into violations: inout [Violation]) {
    if address.isEmpty {
      violations.add(path, "address can't be empty")
    } else if address == "0.0.0.0" || address == "::" {
      violations.add(path, "must not be 0.0.0.0 or ::")
    } else if !HostRules.isIP(address), !HostRules.isDomainName(address) {
      violations.add(path, "address has to be valid IP address or domain name")
    }
  }
}

extension Dataplane.Networking {
  /// The port of Envoy's administration interface, which listens on the loopback address.
  fileprivate func checkAdminPort(at path: FieldPath, into violations: inout [Violation]) {
    guard let adminPort else { return }
    if adminPort > 65_535 { violations.add(path, PortRules.message) }
    /// Whether a listener at an address would be in the way of one on the loopback address.
    func overlaps(_ address: String) -> Bool { ["127.0.0.1", "0.0.0.0", "::"].contains(address) }
    let isOfInbound = inbound.contains { inbound in
      let listener = inbound.address.isEmpty ? address : inbound.address
      let workload = inbound.serviceAddress.isEmpty ? listener : inbound.serviceAddress
      let workloadPort = inbound.servicePort == 0 ? inbound.port : inbound.servicePort
      return inbound.port == adminPort && overlaps(listener) || workloadPort == adminPort && overlaps(workload)
    }
    if isOfInbound { violations.add(path, "must differ from inbound") }
    let isOfOutbound = outbound.contains {
      $0.port == adminPort && overlaps($0.address.isEmpty ? "127.0.0.1" : $0.address)
    }
    if isOfOutbound { violations.add(path, "must differ from outbound") }
  }
}

extension Dataplane.Inbound {
  fileprivate func check(proxyAddress: String, at path: FieldPath, into violations: inout [Violation]) {
    if !(1...65_535).contains(port) { violations.add(path.field("port"), PortRules.message) }
    if servicePort > 65_535 { violations.add(path.field("servicePort"), PortRules.message) }
    if !serviceAddress.isEmpty {
      let field = path.field("serviceAddress")
      if !HostRules.isIP(serviceAddress) { violations.add(field, "serviceAddress has to be valid IP address") }
      if serviceAddress == proxyAddress, hasPortOfService { violations.add(field, Self.sameAddress) }
    }
    if !address.isEmpty {
      if !HostRules.isIP(address) { violations.add(path.field("address"), "address has to be valid IP address") }
      if address == serviceAddress, hasPortOfService {
        violations.add(path.field("serviceAddress"), Self.sameAddress)
      }
    }
    let field = path.field("tags")
    if let name = tags[TagName.protocol], !Dataplane.isProtocol(name) {
      violations.add(
        field.key(TagName.protocol),
        "tag \"\(TagName.protocol)\" has an invalid value \(name.quoted). \(Dataplane.allowedProtocols)")
    }
    TagRules.check(proxy: tags, at: field, into: &violations)
    if tags[TagName.service] == nil { violations.add(field.key(TagName.service), "tag has to exist") }
  }

  private static let sameAddress = "serviceAddress and servicePort has to differ from address and port"

  /// Whether the application listens on the port of the listener.
  private var hasPortOfService: Bool { servicePort == 0 || servicePort == port }
}

extension Dataplane.Outbound {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    if !(1...65_535).contains(port) { violations.add(path.field("port"), PortRules.message) }
    if !address.isEmpty, !HostRules.isIP(address) {
      violations.add(path.field("address"), "address has to be valid IP address")
    }
    TagRules.check(proxy: tags, at: path.field("tags"), into: &violations)
    if tags[TagName.service] == nil {
      violations.add(path.field("tags"), "mandatory tag \"\(TagName.service)\" is missing")
    }
  }
}

extension Dataplane.Gateway {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    let field = path.field("tags")
    if let name = tags[TagName.protocol], name != "tcp" {
      violations.add(
        field.key(TagName.protocol), "other values than tcp are not allowed, provided value \"\(name)\"")
    }
    TagRules.check(proxy: tags, at: field, into: &violations)
    if tags[TagName.service] == nil {
      violations.add(field, "mandatory tag \"\(TagName.service)\" is missing")
    }
  }
}
