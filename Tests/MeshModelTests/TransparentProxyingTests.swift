import Documents
import MeshModel
import OrderedCollections
import Testing

@Suite("transparent proxying and probes of a Dataplane")
struct TransparentProxyingTests {
  private static func read(_ yaml: String) throws -> (content: Dataplane, notices: [FieldNotice]) {
    let document = try #require(try DocumentValue.yamlDocuments(yaml).first)
    return try Dataplane.read(document)
  }

  private static func violations(_ sections: String) throws -> [String] {
    let yaml = """
      type: Dataplane
      mesh: m
      name: d
      networking:
        address: 10.0.0.1
        inbound: [{port: 80, tags: {kuma.io/service: web}}]
      \(sections)
      """
    return try #require(try ResourceDocument.all(in: yaml).first).resource.violations().map(\.description)
  }

  @Test("sections are read and written without a loss")
  func roundTrip() throws {
    let yaml = """
      networking:
        address: 10.0.0.1
        transparentProxying:
          redirectPortInbound: 15006
          redirectPortOutbound: 15001
          directAccessServices: ['*']
          redirectPortInboundV6: 15010
          reachableServices: [api, db]
          ipFamilyMode: IPv4
      probes:
        port: 9000
        endpoints: [{inboundPort: 8080, inboundPath: /live, path: /8080/live}]
      """
    let (dataplane, notices) = try Self.read(yaml)
    #expect(notices.isEmpty)
    let section = try #require(dataplane.networking?.transparentProxying)
    #expect(
      section
        == Dataplane.TransparentProxying(
          redirectPortInbound: 15006, redirectPortOutbound: 15001, ipFamilyMode: .ipv4, redirectPortInboundV6: 15010,
          directAccessServices: ["*"], reachableServices: ["api", "db"]))
    #expect(
      dataplane.probes
        == Dataplane.Probes(
          port: 9000, endpoints: [.init(inboundPort: 8080, inboundPath: "/live", path: "/8080/live")]))
    let given = try #require(try DocumentValue.yamlDocuments(yaml).first?.object)
    #expect(dataplane.document == given)
  }

  @Test("no reachable service is not the same as all of them")
  func reachableServices() throws {
    func services(_ field: String) throws -> [String]? {
      let (dataplane, _) = try Self.read("networking: {transparentProxying: {redirectPortInbound: 1\(field)}}")
      let (again, _) = try Dataplane.read(.object(dataplane.document))
      #expect(dataplane == again)
      return dataplane.networking?.transparentProxying?.reachableServices
    }
    #expect(try services("") == nil)
    #expect(try services(", reachableServices: []") == [])
  }

  @Test("an unknown field is named, and kept")
  func unknownField() throws {
    let (dataplane, notices) = try Self.read("networking: {transparentProxying: {reachableService: [api]}}")
    #expect(
      notices.map(\.message) == [
        "networking.transparentProxying.reachableService: unknown field, ignored; did you mean \"reachableServices\"?"
      ])
    #expect(dataplane.networking?.transparentProxying?.otherFields == ["reachableService": ["api"]])
  }

  @Test("a mode that does not exist is an error that lists the modes")
  func unknownMode() throws {
    let error = try #require(throws: DocumentError.self) {
      try Self.read("networking: {transparentProxying: {ipFamilyMode: dualstack}}")
    }
    #expect(
      error.message == "networking.transparentProxying.ipFamilyMode has to be one of DualStack, IPv4, IPv6, not string")
  }

  @Test(
    "the inbound port of IPv6",
    arguments: [
      ("DualStack", 0, 15006), ("DualStack", 15010, 15006), ("DualStack", 15100, 15100), ("IPv4", 15100, nil),
      ("UnSpecified", 0, nil), ("UnSpecified", 15010, 15006), ("IPv6", 0, 15006),
    ] as [(String, UInt32, UInt32?)])
  func inboundPortV6(mode: String, given: UInt32, port: UInt32?) throws {
    let section = Dataplane.TransparentProxying(
      redirectPortInbound: 15006, redirectPortOutbound: 15001,
      ipFamilyMode: try #require(Dataplane.IPFamilyMode(rawValue: mode)), redirectPortInboundV6: given)
    #expect(section.inboundPortV6 == port)
  }

  @Test(
    "ports and paths are checked",
    arguments: [
      ("probes: {port: 9000, endpoints: [{inboundPort: 80, inboundPath: '/a%20b', path: /80/a}]}", []),
      (
        "probes: {endpoints: [{inboundPort: 70000, inboundPath: a, path: '/%zz'}]}",
        [
          "probes.port: port must be in the range [1, 65535]",
          "probes.endpoints[0].inboundPort: port must be in the range [1, 65535]",
          "probes.endpoints[0].inboundPath: should be a valid URL Path",
          "probes.endpoints[0].path: should be a valid URL Path",
        ]
      ),
      (
        "  transparentProxying: {redirectPortInbound: 65536, redirectPortOutbound: 70000}",
        [
          "networking.transparentProxying.redirectPortInbound: port must be in the range [1, 65535]",
          "networking.transparentProxying.redirectPortOutbound: port must be in the range [1, 65535]",
        ]
      ),
    ])
  func validation(sections: String, expected: [String]) throws {
    #expect(try Self.violations(sections) == expected)
  }

  @Test("a builtin gateway has no probes")
  func builtinGateway() throws {
    let yaml = """
      type: Dataplane
      mesh: m
      name: d
      networking: {address: 10.0.0.1, gateway: {type: BUILTIN, tags: {kuma.io/service: gw}}}
      probes: {port: 9000}
      """
    let resource = try #require(try ResourceDocument.all(in: yaml).first).resource
    #expect(
      resource.violations().map(\.description) == ["networking.probes: probes cannot be defined for builtin gateways"])
  }
}
