import MeshModel
import Testing

@testable import MeshPolicy

/// What tracing backends ask of Envoys, and what is said where one is too old for it.
@Suite("Envoy's features") struct EnvoyFeatureTests {
  @Test("what an Envoy has, by its version") func versions() {
    for version in ["", "1.40", "2.0.0", "1.x.0", "1.35.0-dev", "1.-36.0", "1.99999999999999999999.0"] {
      #expect(EnvoyFeature.supported(by: version).isEmpty, "\(version)")
    }
    for version in ["1.36.2", "1.40.0", "1.41.0-dev"] {
      #expect(EnvoyFeature.supported(by: version) == Set(EnvoyFeature.allCases), "\(version)")
    }
  }

  private static func backend(_ change: (inout ZipkinConf) -> Void) -> TracingBackend {
    var conf = ZipkinConf(url: "https://c:443/s")
    change(&conf)
    return TracingBackend(name: "hosted", zipkin: conf)
  }

  private static let plain = backend { _ in }
  private static let w3c = backend { $0.traceContextOption = ZipkinConf.w3cTraceContext }
  private static let both = backend {
    $0.traceContextOption = ZipkinConf.w3cTraceContext
    $0.headers = [ZipkinConf.Header(name: "x-key", value: .text("v"))]
  }

  @Test("what an old Envoy does instead") func shortfalls() throws {
    #expect(EnvoyFeature.shortfall(of: "1.30.0", for: Self.plain) == nil)
    #expect(EnvoyFeature.shortfall(of: "1.36.0", for: Self.both) == nil)
    #expect(
      EnvoyFeature.shortfall(of: "", for: TracingBackend(name: "d", datadog: DatadogConf(address: "a", port: 1))) == nil
    )
    #expect(
      EnvoyFeature.shortfall(of: "1.35.3", for: Self.w3c)
        == "Envoy 1.35.3 reads and writes the headers of B3 alone, although the tracing backend \"hosted\" has the "
        + "conf.traceContextOption USE_B3_WITH_W3C_PROPAGATION; Envoy 1.36 and later can.")
    let unnamed = try #require(EnvoyFeature.shortfall(of: "", for: Self.both))
    #expect(
      unnamed.hasPrefix("The proxy does not say the version of its Envoy, so it sends reports without the conf.headers")
    )
    #expect(unnamed.contains("alone"))
  }

  private static func insight(_ version: String, isOnline: Bool = true) -> DataplaneInsight {
    DataplaneInsight(subscriptions: [
      DataplaneInsight.Subscription(
        id: "1", controlPlaneInstanceId: "cp", connectTime: Timestamp(seconds: 0),
        disconnectTime: isOnline ? nil : Timestamp(seconds: 1),
        version: DataplaneInsight.ProxyVersion(kumaDp: "1", envoy: version))
    ])
  }

  @Test("warnings name connected proxies whose backend asks for more") func warnings() {
    #expect(PolicyWarnings.features(of: "web", nil, for: Self.w3c) == [])
    #expect(PolicyWarnings.features(of: "web", Self.insight("1.35.3"), for: Self.plain) == [])
    #expect(PolicyWarnings.features(of: "web", Self.insight("1.35.3"), for: nil) == [])
    #expect(PolicyWarnings.features(of: "web", Self.insight("1.35.3", isOnline: false), for: Self.w3c) == [])
    let one = PolicyWarnings.features(of: "web", Self.insight("1.35.3"), for: Self.w3c)
    #expect(one.count == 1 && one[0].hasPrefix("Data plane proxy \"web\": Envoy 1.35.3 reads and writes"), "\(one)")
    let proxies = [
      ("api", Self.insight("1.35.3")), ("web", Self.insight("1.35.3")), ("new", Self.insight("1.40.0")),
      ("gone", Self.insight("1.35.3", isOnline: false)), ("plain", Self.insight("1.35.3")),
    ]
    let mesh = PolicyWarnings.features(proxies, mesh: "shop") { $0 == "plain" ? Self.plain : Self.w3c }
    #expect(mesh.count == 1)
    #expect(
      mesh[0].hasPrefix(
        "Mesh \"shop\" has 2 data plane proxies with an Envoy that is too old for a tracing backend (\"api\", \"web\")."
      ),
      "\(mesh)")
  }

  @Test("the explanation of a proxy says it, and which headers are copied with W3C") func explanation() throws {
    var explanation = ProxyExplanation(
      proxy: ProxyID(mesh: "m", name: "web"), candidates: [], resolution: .found(Self.w3c), listeners: [])
    #expect(explanation.envoyShortfall == nil, "no Envoy is connected")
    let insight = Self.insight("1.35.3")
    explanation.connection = ProxyConnection(insight)
    explanation.envoy = insight.envoyAdvice
    #expect(explanation.envoyShortfall?.hasPrefix("Envoy 1.35.3 reads and writes") == true)
    #expect(explanation.summary.hasSuffix("Envoy 1.36 and later can."))
    #expect(explanation.document["envoyShortfall"]?.string == explanation.envoyShortfall)
    let headers = explanation.document["backend"]?["headers"]?.array?.compactMap(\.string) ?? []
    #expect(headers.contains("traceparent") && headers.contains("x-b3-traceid"))
    explanation.resolution = .found(Self.plain)
    #expect(explanation.envoyShortfall == nil)
    #expect(explanation.document["backend"]?["headers"]?.array?.contains("traceparent") == false)
  }
}
