import MeshModel
import MeshPolicy
import MeshTestSupport
import OrderedCollections
import Testing

/// What people are told about a proxy that takes its application's connections.
@Suite struct CaptureExplanationTests {
  private static func pod(
    _ service: String, _ port: Int, _ address: String, protocol spoken: String?,
    mode: Dataplane.IPFamilyMode = .dualStack
  ) -> Dataplane {
    var tags = [
      TagName.service: "\(service)_shop_svc_\(port)", "k8s.kuma.io/namespace": "shop",
      "k8s.kuma.io/service-name": service, "k8s.kuma.io/service-port": "\(port)",
    ]
    tags[TagName.protocol] = spoken
    return Dataplane(
      networking: Dataplane.Networking(
        address: address, inbound: [Dataplane.Inbound(port: 8080, tags: tags)],
        transparentProxying: Dataplane.TransparentProxying(
          redirectPortInbound: 15_006, redirectPortOutbound: 15_001, ipFamilyMode: mode)))
  }

  /// The pod `web-1.shop` and the pods of two Services: `api`, whose pods speak what is said, and `db` with TCP.
  private static func explanation(
    web: String? = "http", api: [String?] = ["http"], mode: Dataplane.IPFamilyMode = .dualStack,
    passthrough: Bool = true
  ) throws -> ProxyExplanation {
    var change = MeshIndex.Change()
    var mesh = Mesh(
      tracing: Mesh.Tracing(
        defaultBackend: "z",
        backends: [TracingBackend(name: "z", zipkin: ZipkinConf(url: "http://z:9411/api/v2/spans"))]))
    if !passthrough { mesh.otherSections["networking"] = ["outbound": ["passthrough": false]] }
    change.mesh = mesh
    change.policies["t"] = (TrafficTrace(["service=*"], backend: ""), Timestamp(seconds: 1))
    change.dataplanes["web-1.shop"] = pod("web", 80, "10.244.0.1", protocol: web, mode: mode)
    for (number, spoken) in api.enumerated() {
      change.dataplanes["api-\(number).shop"] = pod("api", 80, "10.244.0.1\(number)", protocol: spoken)
    }
    change.dataplanes["db-0.shop"] = pod("db", 5432, "10.244.0.20", protocol: "tcp")
    change.serviceAddresses = [
      "api_shop_svc_80": .virtual(["10.96.0.2", "fd00:96::2"], port: 80),
      "db_shop_svc_5432": .virtual(["10.96.0.3"], port: 5432),
    ]
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    return try #require(index.explanation(for: "web-1.shop"))
  }

  private static func lines(_ explanation: ProxyExplanation) -> [String] {
    (explanation.document["listeners"]?.array ?? []).map { listener in
      [
        listener["direction"]?.string, listener["address"]?.string, listener["port"]?.json(),
        listener["protocol"]?.string, listener["traced"]?.bool == true ? "traced" : "not traced",
      ].compactMap(\.self).joined(separator: " ")
    }
  }

  @Test("the protocol of each address of a Service and its port")
  func listeners() throws {
    #expect(
      Self.lines(try Self.explanation()) == [
        "inbound 10.244.0.1 8080 http traced", "outbound 10.96.0.2 80 http traced",
        "outbound fd00:96::2 80 http traced", "outbound 10.96.0.3 5432 tcp not traced",
      ])
    #expect(
      Self.lines(try Self.explanation(mode: .ipv4)) == [
        "inbound 10.244.0.1 8080 http traced", "outbound 10.96.0.2 80 http traced",
        "outbound 10.96.0.3 5432 tcp not traced",
      ])
  }

  @Test("a Service without appProtocol is named, with what to do")
  func tcp() throws {
    let fix =
      "set appProtocol: http (or http2, grpc) at port 80 of Service \"api\" in namespace \"shop\", or its annotation "
      + "80.service.kuma.io/protocol"
    let listener = try #require(Self.explanation(api: ["tcp", "tcp"]).document["listeners"]?.array?.dropFirst().first)
    #expect(
      listener["reason"]?.string == "the protocol is tcp, and only requests of http, http2 and grpc are traced")
    #expect(listener["fix"]?.string == fix)
    let silent = try Self.explanation(web: "tcp", api: ["tcp"])
    #expect(
      silent.summary == "Not traced: none of the 4 listeners sees HTTP; "
        + fix.replacing("\"api\"", with: "\"web\"") + ".")
  }

  @Test(
    "a replica that stands in the way is named",
    arguments: [
      (
        ["http", nil], "1 of 2 endpoints has no tag kuma.io/protocol",
        "set the tag kuma.io/protocol to http in the Dataplane \"api-1.shop\""
      ),
      (
        ["grpc", "tcp", "tcp"],
        "the endpoints speak different protocols (grpc, tcp) and have only TCP in common",
        "set the tag kuma.io/protocol to grpc in the Dataplanes \"api-1.shop\", \"api-2.shop\""
      ),
    ] as [([String?], String, String)])
  func replicas(api: [String?], reason: String, fix: String) throws {
    let listener = try #require(Self.explanation(api: api).document["listeners"]?.array?.dropFirst().first)
    #expect(listener["reason"]?.string == reason)
    #expect(listener["fix"]?.string == fix)
  }

  @Test("connections that go on are counted and not traced")
  func passthrough() throws {
    var explanation = try Self.explanation()
    explanation.capture?.read(
      statistics: """
        cluster.outbound_passthrough_ipv4.upstream_cx_total: 12
        cluster.outbound_passthrough_ipv6.upstream_cx_total: 3
        cluster.outbound_passthrough_ipv6.upstream_cx_active: 3
        nonsense
        """)
    #expect(
      explanation.document["capture"] == [
        "outboundPort": 15_001, "inboundPort": 15_006, "ipFamilies": ["IPv4", "IPv6"],
        "passthrough": [
          "allowed": true, "traced": false,
          "reason":
            "connections to addresses that are not listed as listeners go on as TCP, and their requests leave no span here",
          "connections": 15,
          "counters": [
            "cluster.outbound_passthrough_ipv4.upstream_cx_total",
            "cluster.outbound_passthrough_ipv6.upstream_cx_total",
          ],
        ],
      ])
    let closed = try Self.explanation(mode: .ipv4, passthrough: false).document["capture"]
    #expect(closed?["passthrough"]?["allowed"] == false)
    #expect(closed?["passthrough"]?["connections"] == .null)
    #expect(closed?["ipFamilies"] == ["IPv4"])
  }

  @Test("a policy for pods without HTTP says what their Services lack")
  func warning() throws {
    var change = MeshIndex.Change()
    change.mesh = Mesh()
    change.policies["t"] = (TrafficTrace(["service=*"], backend: ""), Timestamp(seconds: 1))
    change.dataplanes["web-1.shop"] = Self.pod("web", 80, "10.244.0.1", protocol: "tcp")
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    #expect(
      index.warnings(aboutPolicy: "t") == [
        "TrafficTrace \"t\" applies to a data plane proxy that has no HTTP listener and will leave no spans: "
          + "\"web-1.shop\". Set appProtocol: http (or http2, grpc) at the ports of their Services."
      ])
  }
}
