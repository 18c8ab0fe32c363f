extension Dataplane {
  /// Every violation, in the order of the document.
  func violations() -> [Violation] {
    var violations: [Violation] = []
    let path = FieldPath("networking")
    guard let networking else {
      violations.add(path, "must be defined")
      return violations
    }
    if let gateway = networking.gateway {
      if !networking.inbound.isEmpty {
        let kind = gateway.isBuiltin ? "builtin" : "delegated"
        violations.add(path.field("inbound"), "inbound cannot be defined for \(kind) gateways")
      }
    } else if networking.inbound.isEmpty {
      violations.add(path, "has to contain at least one inbound interface or gateway")
    }
    Self.check(address: networking.address, at: path.field("address"), into: &violations)
    if !networking.advertisedAddress.isEmpty {
      Self.check(
        address: networking.advertisedAddress, at: path.field("advertisedAddress"), into: &violations)
    }
    if let port = networking.adminPort, port > 65_535 {
      violations.add(path.field("admin").field("port"), PortRules.message)
    }
    networking.gateway?.check(at: path.field("gateway"), into: &violations)
    for (index, inbound) in networking.inbound.enumerated() {
      inbound.check(proxyAddress: networking.address, at: path.field("inbound").index(index), into: &violations)
    }
    for (index, outbound) in networking.outbound.enumerated() {
      outbound.check(at: path.field("outbound").index(index), into: &violations)
    }
    return violations
  }

  /// The protocols that a tag may name, in the order in which Kuma lists them; upper case is accepted.
  static let protocols = ["grpc", "http", "http2", "kafka", "tcp"]

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

extension Dataplane.Inbound {
  fileprivate func check(proxyAddress: String, at path: FieldPath, into violations: inout [Violation]) {
    if !(1...65_535).contains(port) { violations.add(path.field("port"), PortRules.message) }
    if servicePort > 65_535 { violations.add(path.field("servicePort"), PortRules.message) }
    if !serviceAddress.isEmpty {
      let field = path.field("serviceAddress")
      if !HostRules.isIP(serviceAddress) { violations.add(field, "serviceAddress has to be valid IP address") }
      let listener = address.isEmpty ? proxyAddress : address
      if serviceAddress == listener, (servicePort == 0 ? port : servicePort) == port {
        violations.add(field, "serviceAddress and servicePort has to differ from address and port")
      }
    }
    if !address.isEmpty, !HostRules.isIP(address) {
      violations.add(path.field("address"), "address has to be valid IP address")
    }
    let field = path.field("tags")
    if let name = tags[TagName.protocol], !Dataplane.protocols.contains(name.lowercased()), !name.isEmpty {
      let allowed = Dataplane.protocols.joined(separator: ", ")
      violations.add(
        field.key(TagName.protocol),
        "tag \"\(TagName.protocol)\" has an invalid value \"\(name)\". Allowed values: \(allowed)")
    }
    TagRules.check(proxy: tags, at: field, into: &violations)
    if tags[TagName.service] == nil { violations.add(field.key(TagName.service), "tag has to exist") }
  }
}

extension Dataplane.Outbound {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    if !(1...65_535).contains(port) { violations.add(path.field("port"), PortRules.message) }
    if !address.isEmpty, !HostRules.isIP(address) {
      violations.add(path.field("address"), "address has to be valid IP address")
    }
    if tags[TagName.service] == nil {
      violations.add(path.field("tags"), "mandatory tag \"\(TagName.service)\" is missing")
    }
    TagRules.check(proxy: tags, at: path.field("tags"), into: &violations)
  }
}

extension Dataplane.Gateway {
  fileprivate func check(at path: FieldPath, into violations: inout [Violation]) {
    let field = path.field("tags")
    if tags[TagName.service] == nil {
      violations.add(field, "mandatory tag \"\(TagName.service)\" is missing")
    }
    if let name = tags[TagName.protocol], name.lowercased() != "tcp" {
      violations.add(
        field.key(TagName.protocol), "other values than tcp are not allowed, provided value \"\(name)\"")
    }
    TagRules.check(proxy: tags, at: field, into: &violations)
  }
}
