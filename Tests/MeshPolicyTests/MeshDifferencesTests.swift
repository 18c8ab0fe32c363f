import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

/// What is said about meshes that say more than is done.
@Suite struct MeshDifferencesTests {
  private static func mesh(_ urls: [String], other: DocumentValue.Object = [:]) -> Mesh {
    let backends = urls.enumerated().map { TracingBackend(name: "b\($0)", zipkin: ZipkinConf(url: $1)) }
    return Mesh(tracing: Mesh.Tracing(backends: backends), otherSections: other)
  }

  @Test("nothing about a mesh of which everything is done")
  func nothing() {
    #expect(PolicyWarnings.differences(of: Mesh(), name: "shop").isEmpty)
    #expect(
      PolicyWarnings.differences(of: Self.mesh(["http://z:9411/api/v2/spans", "http://z:9411/"]), name: "shop").isEmpty)
    // Backends that no one enables protect nothing in Kuma either.
    let prepared: DocumentValue.Object = ["mtls": ["backends": [["name": "ca", "type": "builtin"]]]]
    #expect(PolicyWarnings.differences(of: Self.mesh([], other: prepared), name: "shop").isEmpty)
  }

  @Test("a url without a path")
  func path() {
    let one = Self.mesh(["http://z:9411/s", "http://z:9411"])
    #expect(
      PolicyWarnings.differences(of: one, name: "shop") == [
        "Tracing backend \"b1\" has a url without a path; spans are sent to /api/v2/spans. Add it to the url, or the path "
          + "that the collector has."
      ])
    let three = Self.mesh(Array(repeating: "http://z:9411", count: 3))
    let sentence = PolicyWarnings.differences(of: three, name: "shop").first
    #expect(sentence?.hasPrefix("Tracing backend \"b0\", like 2 more, has a url without a path; ") == true)
  }

  @Test("mesh TLS that is switched on")
  func protection() {
    let mesh = Self.mesh([], other: ["mtls": ["enabledBackend": "ca", "backends": []]])
    #expect(
      PolicyWarnings.differences(of: mesh, name: "shop") == [
        "Mesh \"shop\" has mtls.enabledBackend, which is kept and not acted on: there is no mesh TLS here, and traffic "
          + "between proxies is not encrypted."
      ])
  }

  // MARK: Sections of other features

  private static func sections(_ yaml: String) throws -> [String] {
    let document = try #require(try DocumentValue.yamlDocuments(yaml).first)
    return PolicyWarnings.differences(of: try Mesh.read(document).content, name: "shop")
  }

  @Test(
    "a section that asks for something which is not done",
    arguments: [
      (
        "constraints: {dataplaneProxy: {restrictions: [{tags: {kuma.io/zone: east}}]}}", "constraints",
        "no data plane proxy is kept out of the mesh, whatever its tags are"
      ),
      (
        "constraints: {dataplaneProxy: {requirements: [{tags: {kuma.io/zone: east}}]}}", "constraints",
        "no data plane proxy is kept out of the mesh, whatever its tags are"
      ),
      (
        "routing: {zoneEgress: true}", "routing.zoneEgress",
        "there are no zone egresses, and traffic leaves the mesh without one"
      ),
      (
        "routing: {localityAwareLoadBalancing: true}", "routing.localityAwareLoadBalancing",
        "requests go evenly to all healthy endpoints, near or far"
      ),
      (
        "routing: {defaultForbidMeshExternalServiceAccess: true}", "routing.defaultForbidMeshExternalServiceAccess",
        "access to nothing is forbidden"
      ),
      ("routing: {somethingNewer: {mode: Strict}}", "routing", "requests go evenly to all healthy endpoints"),
      ("logging: {defaultBackend: f}", "logging", "proxies write no access logs"),
      (
        "logging: {backends: [{name: f, type: file, conf: {path: /tmp/l}}]}", "logging", "proxies write no access logs"
      ),
      (
        "metrics: {enabledBackend: p, backends: [{name: p, type: prometheus}]}", "metrics.enabledBackend",
        "proxies open no port for metrics"
      ),
      ("meshServices: {mode: Exclusive}", "meshServices", "services are known by their tag kuma.io/service alone"),
    ])
  func unused(yaml: String, field: String, effect: String) throws {
    #expect(try Self.sections(yaml) == ["Mesh \"shop\" has \(field), which is kept and not acted on: \(effect)."])
  }

  @Test("a mesh without passthrough is told for which proxies that holds")
  func passthrough() throws {
    #expect(
      try Self.sections("networking: {outbound: {passthrough: false}}") == [
        "Mesh \"shop\" has networking.outbound.passthrough, which is acted on only for proxies with "
          + "networking.transparentProxying: nothing keeps the applications of others from addresses outside of the mesh."
      ])
  }

  @Test("a mesh that asks for all of it gets a sentence for each, the checks of security first")
  func allUnused() throws {
    let warnings = try Self.sections(
      """
      metrics: {enabledBackend: p}
      routing: {localityAwareLoadBalancing: true}
      networking: {outbound: {passthrough: false}}
      logging: {defaultBackend: f}
      constraints: {dataplaneProxy: {restrictions: [{tags: {kuma.io/zone: east}}]}}
      mtls: {enabledBackend: ca}
      """)
    #expect(
      warnings.compactMap { $0.split(separator: ",").first?.split(separator: " ").last.map(String.init) } == [
        "mtls.enabledBackend", "constraints", "networking.outbound.passthrough", "routing.localityAwareLoadBalancing",
        "logging", "metrics.enabledBackend",
      ])
  }

  @Test(
    "nothing about sections that ask for what is done anyway, or for nothing",
    arguments: [
      "constraints: {}", "constraints: {dataplaneProxy: {requirements: [], restrictions: []}}", "constraints: null",
      "networking: {outbound: {passthrough: true}}", "networking: {outbound: null}", "routing: {zoneEgress: false}",
      "routing: {}", "logging: {backends: []}", "metrics: {backends: [{name: p, type: prometheus}]}",
      "metrics: {enabledBackend: ''}", "meshServices: {mode: Disabled}", "skipCreatingInitialPolicies: ['*']",
    ])
  func nothingAsked(yaml: String) throws { #expect(try Self.sections(yaml).isEmpty) }

  private static func dataplane(_ yaml: String) throws -> [String] {
    let document = try #require(try DocumentValue.yamlDocuments(yaml).first)
    return PolicyWarnings.differences(of: try Dataplane.read(document).content, name: "web-1")
  }

  @Test(
    "the same of a Dataplane",
    arguments: [
      ("networking: {gateway: {type: BUILTIN, tags: {kuma.io/service: e}}}", "networking.gateway.type BUILTIN"),
      (
        "networking: {transparentProxying: {redirectPortInbound: 15006}}",
        "networking.transparentProxying without redirectPortOutbound"
      ),
      (
        "networking: {inbound: [{port: 1}, {port: 2, serviceProbe: {tcp: {}, interval: 10s}}]}",
        "networking.inbound[1].serviceProbe"
      ),
      ("metrics: {type: prometheus, conf: {port: 1234}}", "metrics"),
      ("envoy: {xdsTransportProtocolVariant: DELTA_GRPC}", "envoy"),
    ])
  func dataplanes(yaml: String, field: String) throws {
    let warnings = try Self.dataplane(yaml)
    #expect(warnings.count == 1)
    #expect(
      warnings.first?.hasPrefix("Dataplane \"web-1\" has \(field), which is kept and not acted on: ") == true,
      "\(warnings)")
  }

  @Test("nothing about a Dataplane of which everything is done")
  func plainDataplane() throws {
    #expect(
      try Self.dataplane(
        """
        networking:
          gateway: {type: DELEGATED, tags: {kuma.io/service: e}}
          transparentProxying: {redirectPortInbound: 15006, redirectPortOutbound: 15001}
        probes: {port: 9000, endpoints: [{path: /live, inboundPort: 80, inboundPath: /}]}
        """
      )
      .isEmpty)
  }

  // MARK: Formats of spans

  private static func mixed(_ versions: [String?], own: String = "none") -> [String] {
    var backends = versions.enumerated().map { index, version in
      TracingBackend(
        name: "b\(index)", zipkin: ZipkinConf(url: "http://z\(index):9411/api/v2/spans", apiVersion: version ?? ""))
    }
    backends.append(TracingBackend(name: "dd", datadog: DatadogConf(address: "agent", port: 8126)))
    return PolicyWarnings.differences(
      of: Mesh(tracing: Mesh.Tracing(backends: backends)), name: "shop", isOwnCollector: { $0.host.hasPrefix(own) })
  }

  @Test("protobuf beside JSON, which other collectors than this one do not join")
  func formats() {
    #expect(
      Self.mixed(["httpProto", nil, "httpJson"]) == [
        "The tracing backend \"b0\" has apiVersion \"httpProto\" and the backends \"b1\", \"b2\" have not: Envoy writes the "
          + "ids of spans in reverse order into protobuf, so that other collectors than this control plane's do not join "
          + "what proxies of the one and the other send of a trace. Give all of them the same apiVersion, best \"httpJson\", "
          + "which tracers in applications agree with too."
      ])
    #expect(Self.mixed(["httpProto", nil, "httpJson"], own: "z2").count == 1, "two of them lead elsewhere")
    #expect(
      Self.mixed(["httpProto", "auto"]).first?.hasPrefix(
        "The tracing backend \"b0\" has apiVersion \"httpProto\" and the backend \"b1\" has not: ") == true,
      "auto is JSON where other collectors receive the spans")
  }

  @Test(
    "nothing about formats that agree, or where this control plane's collector gets all spans",
    arguments: [
      (["httpProto", "httpProto"], "none"), ([nil, "httpJson", "httpJsonV1"], "none"), (["httpProto"], "none"),
      (["httpProto", nil], "z"), (["httpProto", nil], "z0"), (["httpProto", nil], "z1"),
      (["auto", "httpJson", nil], "none"), (["auto"], "none"), (["auto", "httpProto", "httpJson"], "z"),
      (["auto", "httpProto"], "z0"), (["auto", "httpJson"], "z0"),
    ] as [([String?], String)])
  func agreeing(versions: [String?], own: String) {
    #expect(Self.mixed(versions, own: own).filter { $0.contains("httpProto") }.isEmpty)
  }
}
