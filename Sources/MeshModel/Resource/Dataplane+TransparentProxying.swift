public import OrderedCollections

extension Dataplane {
  /// `networking.transparentProxying`: rules of the system lead the application's connections to two ports of the proxy.
  public struct TransparentProxying: Sendable, Hashable {
    /// The port to which connections to the application are led; 0 for none.
    public var redirectPortInbound: UInt32
    /// The same for IPv6; 0 for ``redirectPortInbound``.
    public var redirectPortInboundV6: UInt32
    /// The port to which the application's own connections are led; 0 for none.
    public var redirectPortOutbound: UInt32
    /// The families of addresses for which rules are set.
    public var ipFamilyMode: IPFamilyMode
    /// Services whose endpoints the application reaches by their own addresses; `*` for all.
    public var directAccessServices: [String]
    /// The services that the application may call; `nil` for all, empty for none.
    public var reachableServices: [String]?
    /// Fields of other features, kept as they were given.
    public var otherFields: DocumentValue.Object

    /// Makes a section.
    public init(
      redirectPortInbound: UInt32, redirectPortOutbound: UInt32, ipFamilyMode: IPFamilyMode = .dualStack,
      redirectPortInboundV6: UInt32 = 0, directAccessServices: [String] = [], reachableServices: [String]? = nil,
      otherFields: DocumentValue.Object = [:]
    ) {
      self.redirectPortInbound = redirectPortInbound
      self.redirectPortInboundV6 = redirectPortInboundV6
      self.redirectPortOutbound = redirectPortOutbound
      self.ipFamilyMode = ipFamilyMode
      self.directAccessServices = directAccessServices
      self.reachableServices = reachableServices
      self.otherFields = otherFields
    }
  }

  /// The families of addresses for which an application's connections are led to the proxy. Source: Kuma 2.7.
  public enum IPFamilyMode: String, Sendable, Hashable, CaseIterable {
    /// Not given: IPv4, and IPv6 if ``TransparentProxying/redirectPortInboundV6`` is given.
    case unspecified = "UnSpecified"
    /// IPv4 and IPv6.
    case dualStack = "DualStack"
    /// IPv4.
    case ipv4 = "IPv4"
    /// Reserved for IPv6 alone; the same as ``dualStack``.
    case ipv6 = "IPv6"
  }

  /// `probes`: the application's health checks, which the proxy answers at a port of its own.
  public struct Probes: Sendable, Hashable {
    /// The proxy's port.
    public var port: UInt32
    /// The checks.
    public var endpoints: [Endpoint]

    /// Makes a section.
    public init(port: UInt32, endpoints: [Endpoint] = []) {
      self.port = port
      self.endpoints = endpoints
    }

    /// One health check.
    public struct Endpoint: Sendable, Hashable {
      /// The application's port.
      public var inboundPort: UInt32
      /// The path that the application answers.
      public var inboundPath: String
      /// The path that the proxy answers.
      public var path: String

      /// Makes a health check.
      public init(inboundPort: UInt32, inboundPath: String, path: String) {
        self.inboundPort = inboundPort
        self.inboundPath = inboundPath
        self.path = path
      }
    }
  }
}

extension Dataplane.TransparentProxying {
  /// The port to which connections to the application over IPv6 are led; `nil` if no IPv6 is led to the proxy.
  /// Source: Kuma 2.7, in which 15010 was once a default of its own.
  public var inboundPortV6: UInt32? {
    switch ipFamilyMode {
    case .ipv4: return nil
    case .unspecified where redirectPortInboundV6 == 0: return nil
    case .unspecified, .dualStack, .ipv6:
      return [0, 15_010].contains(redirectPortInboundV6) ? redirectPortInbound : redirectPortInboundV6
    }
  }

  static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> (Self, [FieldNotice]) {
    var reader = try ObjectReader(value, path: path)
    var section = Self(
      redirectPortInbound: try reader.unsigned("redirectPortInbound") ?? 0,
      redirectPortOutbound: try reader.unsigned("redirectPortOutbound") ?? 0,
      ipFamilyMode: try reader.familyMode("ipFamilyMode"),
      redirectPortInboundV6: try reader.unsigned("redirectPortInboundV6") ?? 0,
      directAccessServices: try reader.texts("directAccessServices") ?? [],
      reachableServices: try reader.texts("reachableServices"))
    let notices = reader.notices()
    for notice in notices { section.otherFields[notice.name] = value[notice.name] }
    return (section, notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if redirectPortInbound != 0 { object["redirectPortInbound"] = .integer(Int64(redirectPortInbound)) }
    if redirectPortOutbound != 0 { object["redirectPortOutbound"] = .integer(Int64(redirectPortOutbound)) }
    if !directAccessServices.isEmpty {
      object["directAccessServices"] = .array(directAccessServices.map(DocumentValue.string))
    }
    if redirectPortInboundV6 != 0 { object["redirectPortInboundV6"] = .integer(Int64(redirectPortInboundV6)) }
    if let reachableServices { object["reachableServices"] = .array(reachableServices.map(DocumentValue.string)) }
    if ipFamilyMode != .unspecified { object["ipFamilyMode"] = .string(ipFamilyMode.rawValue) }
    for (name, value) in otherFields { object[name] = value }
    return object
  }
}

extension Dataplane.Probes {
  static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> (Self, [FieldNotice]) {
    var reader = try ObjectReader(value, path: path)
    var probes = Self(port: try reader.unsigned("port") ?? 0)
    var notices: [FieldNotice] = []
    for (item, path) in try reader.list("endpoints") {
      var endpoint = try ObjectReader(item, path: path)
      probes.endpoints.append(
        Endpoint(
          inboundPort: try endpoint.unsigned("inboundPort") ?? 0, inboundPath: try endpoint.string("inboundPath") ?? "",
          path: try endpoint.string("path") ?? ""))
      notices += endpoint.notices()
    }
    return (probes, reader.notices() + notices)
  }

  var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if port != 0 { object["port"] = .integer(Int64(port)) }
    guard !endpoints.isEmpty else { return object }
    object["endpoints"] = .array(
      endpoints.map { endpoint in
        var object: DocumentValue.Object = [:]
        if endpoint.inboundPort != 0 { object["inboundPort"] = .integer(Int64(endpoint.inboundPort)) }
        if !endpoint.inboundPath.isEmpty { object["inboundPath"] = .string(endpoint.inboundPath) }
        if !endpoint.path.isEmpty { object["path"] = .string(endpoint.path) }
        return .object(object)
      })
    return object
  }
}

extension ObjectReader {
  /// The items of a list of texts; `nil` when absent.
  fileprivate mutating func texts(_ name: String) throws(DocumentError) -> [String]? {
    guard value(name) != nil else { return nil }
    var texts: [String] = []
    for (item, path) in try list(name) {
      guard let text = item.string else { throw Self.wrongKind(item, path: path, expected: "text") }
      texts.append(text)
    }
    return texts
  }

  /// A mode by its name, or by its number as in protobuf.
  fileprivate mutating func familyMode(_ name: String) throws(DocumentError) -> Dataplane.IPFamilyMode {
    guard let value = value(name) else { return .unspecified }
    let modes = Dataplane.IPFamilyMode.allCases
    if let mode = value.string.flatMap(Dataplane.IPFamilyMode.init(rawValue:)) { return mode }
    if let number = value.number, let index = Int(exactly: number), modes.indices.contains(index) {
      return modes[index]
    }
    let names = modes.dropFirst().map(\.rawValue).joined(separator: ", ")
    throw Self.wrongKind(value, path: join(name), expected: "one of \(names)")
  }
}
