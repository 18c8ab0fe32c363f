public import OrderedCollections

extension Dataplane: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .dataplane }
  /// The content as a specification.
  public var spec: ResourceSpec { .dataplane(self) }

  /// Takes a proxy out of a specification.
  public static func extract(from spec: ResourceSpec) -> Dataplane? {
    if case .dataplane(let content) = spec { content } else { nil }
  }

  private static let otherSectionNames = ["metrics", "envoy"]

  /// Reads a proxy.
  public static func read(_ document: DocumentValue) throws(DocumentError)
    -> (content: Dataplane, notices: [FieldNotice])
  {
    var reader = try ObjectReader(document, path: "")
    var dataplane = Dataplane(networking: nil)
    var notices: [FieldNotice] = []
    if let value = reader.value("networking") {
      let (networking, unknown) = try Networking.read(value, path: "networking")
      dataplane.networking = networking
      notices = unknown
    }
    if let value = reader.value("probes") {
      let (probes, unknown) = try Probes.read(value, path: "probes")
      dataplane.probes = probes
      notices += unknown
    }
    for name in otherSectionNames {
      if let value = reader.value(name) { dataplane.otherSections[name] = value }
    }
    return (dataplane, reader.notices() + notices)
  }

  /// The proxy in document form.
  public var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if let networking { object["networking"] = .object(networking.document) }
    if let probes { object["probes"] = .object(probes.document) }
    for (name, value) in otherSections { object[name] = value }
    return object
  }
}

extension Dataplane.Networking {
  /// A choice as text; the one that protobuf counts as its zero is the same as none.
  fileprivate static func leavingOut(_ zero: String, _ choice: String?) -> String {
    choice == zero ? "" : choice ?? ""
  }

  static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> (Self, [FieldNotice]) {
    var reader = try ObjectReader(value, path: path)
    var networking = Self(address: try reader.string("address") ?? "")
    var notices: [FieldNotice] = []
    networking.advertisedAddress = try reader.string("advertisedAddress") ?? ""
    for (item, path) in try reader.list("inbound") {
      let (inbound, unknown) = try Dataplane.Inbound.read(item, path: path)
      networking.inbound.append(inbound)
      notices += unknown
    }
    for (item, path) in try reader.list("outbound") {
      let (outbound, unknown) = try Dataplane.Outbound.read(item, path: path)
      networking.outbound.append(outbound)
      notices += unknown
    }
    if let value = reader.value("gateway") {
      var gateway = try ObjectReader(value, path: reader.join("gateway"))
      networking.gateway = Dataplane.Gateway(
        tags: try gateway.stringMap("tags") ?? [:], type: Self.leavingOut("DELEGATED", try gateway.string("type")))
      notices += gateway.notices()
    }
    if let value = reader.value("admin") {
      var admin = try ObjectReader(value, path: reader.join("admin"))
      networking.adminPort = try admin.unsigned("port") ?? 0
      notices += admin.notices()
    }
    if let value = reader.value("transparentProxying") {
      let (section, unknown) = try Dataplane.TransparentProxying.read(value, path: reader.join("transparentProxying"))
      networking.transparentProxying = section
      notices += unknown
    }
    return (networking, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if !address.isEmpty { object["address"] = .string(address) }
    if !advertisedAddress.isEmpty { object["advertisedAddress"] = .string(advertisedAddress) }
    if let gateway {
      var section: DocumentValue.Object = [:]
      if !gateway.tags.isEmpty { section["tags"] = .tags(gateway.tags) }
      if !gateway.type.isEmpty, gateway.type != "DELEGATED" { section["type"] = .string(gateway.type) }
      object["gateway"] = .object(section)
    }
    if !inbound.isEmpty { object["inbound"] = .array(inbound.map { .object($0.document) }) }
    if !outbound.isEmpty { object["outbound"] = .array(outbound.map { .object($0.document) }) }
    if let transparentProxying { object["transparentProxying"] = .object(transparentProxying.document) }
    if let adminPort { object["admin"] = adminPort == 0 ? [:] : ["port": .integer(Int64(adminPort))] }
    return object
  }
}

extension Dataplane.Inbound {
  private static let otherFieldNames = ["serviceProbe", "name"]

  static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> (Self, [FieldNotice]) {
    var reader = try ObjectReader(value, path: path)
    var inbound = Self(port: try reader.unsigned("port") ?? 0, tags: try reader.stringMap("tags") ?? [:])
    var notices: [FieldNotice] = []
    inbound.servicePort = try reader.unsigned("servicePort") ?? 0
    inbound.serviceAddress = try reader.string("serviceAddress") ?? ""
    inbound.address = try reader.string("address") ?? ""
    inbound.state = Dataplane.Networking.leavingOut("Ready", try reader.string("state"))
    if let value = reader.value("health") {
      var health = try ObjectReader(value, path: reader.join("health"))
      inbound.ready = try health.bool("ready") ?? false
      notices += health.notices()
    }
    for name in otherFieldNames {
      if let value = reader.value(name) { inbound.otherFields[name] = value }
    }
    return (inbound, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if port != 0 { object["port"] = .integer(Int64(port)) }
    if servicePort != 0 { object["servicePort"] = .integer(Int64(servicePort)) }
    if !serviceAddress.isEmpty { object["serviceAddress"] = .string(serviceAddress) }
    if !address.isEmpty { object["address"] = .string(address) }
    if !tags.isEmpty { object["tags"] = .tags(tags) }
    if let ready { object["health"] = ready ? ["ready": true] : [:] }
    if !state.isEmpty, state != "Ready" { object["state"] = .string(state) }
    for (name, value) in otherFields { object[name] = value }
    return object
  }
}

extension Dataplane.Outbound {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> (Self, [FieldNotice]) {
    var reader = try ObjectReader(value, path: path)
    var outbound = Self(port: try reader.unsigned("port") ?? 0, tags: try reader.stringMap("tags") ?? [:])
    outbound.address = try reader.string("address") ?? ""
    // The older form names the service in a field of its own. Source: Kuma 1.1.
    if let service = try reader.string("service"), outbound.tags.isEmpty {
      outbound.tags = [TagName.service: service]
    }
    return (outbound, reader.notices())
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if !address.isEmpty { object["address"] = .string(address) }
    if port != 0 { object["port"] = .integer(Int64(port)) }
    if !tags.isEmpty { object["tags"] = .tags(tags) }
    return object
  }
}
