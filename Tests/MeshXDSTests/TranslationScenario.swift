import MeshModel
import MeshPolicy
import Testing

/// A proxy's configuration under a name that says what is particular about it.
struct TranslationScenario: Sendable, CustomTestStringConvertible {
  var name: String
  var configuration: ProxyConfiguration

  var testDescription: String { name }

  /// Scenarios that together use everything that the translator can say.
  static let all: [TranslationScenario] = [
    web("untraced", nil),
    web("zipkin-defaults", zipkin("http://jaeger.obs:9411/api/v2/spans")),
    web(
      "zipkin-every-option",
      TracingBackend(
        name: "jaeger", sampling: 12.5,
        zipkin: withW3C(
          ZipkinConf(
            url: "http://jaeger.obs:9411/api%2Fv2/spans?a=b", traceId128bit: true, apiVersion: "httpProto",
            sharedSpanContext: false)))),
    web(
      "zipkin-sampling-zero",
      TracingBackend(
        name: "jaeger", sampling: 0,
        zipkin: ZipkinConf(
          url: "http://jaeger.obs:9411/api/v2/spans", apiVersion: "httpJsonV1", sharedSpanContext: true))),
    web("zipkin-auto", automatic("http://jaeger.obs:9411/api/v2/spans")),
    web("zipkin-auto-protobuf", automatic("https://192.168.1.7:9411/api/v2/spans")) {
      guard case .zipkin(let url, var options) = $0.tracing?.receiver else { return }
      options.format = .protobuf
      $0.tracing?.receiver = .zipkin(url, options)
    },
    web("zipkin-https-name", zipkin("https://jaeger.obs:443/api/v2/spans")),
    web("zipkin-https-address", zipkin("https://192.168.1.7:9411/api/v2/spans")),
    web("zipkin-http-address", zipkin("http://192.168.1.7:9411/api/v2/spans")),
    web("zipkin-ipv6-address", zipkin("http://[fd00::7]:9411/api/v2/spans")),
    web("datadog", TracingBackend(name: "agent", datadog: DatadogConf(address: "trace-svc.dd", port: 8126))),
    web(
      "datadog-split",
      TracingBackend(
        name: "agent", sampling: 50, datadog: DatadogConf(address: "10.9.9.9", port: 8126, splitService: true))),
    TranslationScenario(name: "ipv6-proxy", configuration: ipv6Proxy),
    TranslationScenario(name: "every-protocol", configuration: everyProtocol),
    TranslationScenario(name: "delegated-gateway", configuration: gateway),
    TranslationScenario(name: "two-applications-at-one-port", configuration: twoApplications),
  ]

  private static func withW3C(_ conf: ZipkinConf) -> ZipkinConf {
    var conf = conf
    conf.traceContextOption = ZipkinConf.w3cTraceContext
    return conf
  }

  private static func web(
    _ name: String, _ backend: TracingBackend?, _ change: (inout ProxyConfiguration) -> Void = { _ in }
  ) -> TranslationScenario {
    var configuration = ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-1"), identifyingService: "web", isIPv6: false,
      inbounds: [inbound("web", .http, port: 80)],
      outbounds: [outbound("api", .http, port: 10_001, instances: 2)], tracing: backend.flatMap(TracingDestination.init)
    )
    change(&configuration)
    return TranslationScenario(name: name, configuration: configuration)
  }

  private static func zipkin(_ url: String) -> TracingBackend {
    TracingBackend(name: "jaeger", zipkin: ZipkinConf(url: url))
  }

  private static func automatic(_ url: String) -> TracingBackend {
    TracingBackend(name: "jaeger", zipkin: ZipkinConf(url: url, apiVersion: "auto"))
  }

  private static let ipv6Proxy = ProxyConfiguration(
    proxy: ProxyID(mesh: "shop", name: "web-6"), identifyingService: "web", isIPv6: true,
    inbounds: [
      ProxyConfiguration.Inbound(
        address: "fd00::1", port: 80, workloadAddress: "::1", workloadPort: 8080, service: "web",
        serviceProtocol: .http, tags: ["kuma.io/service": "web", "kuma.io/protocol": "http"])
    ],
    outbounds: [
      ProxyConfiguration.Outbound(
        address: "::1", port: 10_001,
        destination: ServiceEndpoints(
          mesh: "shop", service: "api",
          endpoints: [
            .init(address: "fd00::2", port: 80, tags: ["kuma.io/service": "api", "kuma.io/protocol": "http"])
          ]),
        callerTags: ["kuma.io/service": ["web"]])
    ],
    tracing: TracingDestination(zipkin("http://jaeger.obs:9411/api/v2/spans")))

  private static let everyProtocol = ProxyConfiguration(
    proxy: ProxyID(mesh: "shop", name: "all-1"), identifyingService: "all-grpc", isIPv6: false,
    inbounds: ServiceProtocol.allCases.enumerated().map { index, serviceProtocol in
      inbound("all-\(label(serviceProtocol))", serviceProtocol, port: UInt16(80 + index))
    },
    outbounds: ServiceProtocol.allCases.enumerated().map { index, serviceProtocol in
      outbound("to-\(label(serviceProtocol))", serviceProtocol, port: UInt16(10_001 + index), instances: 1)
    } + [outbound("to-nobody", .http, port: 10_100, instances: 0)],
    tracing: TracingDestination(zipkin("http://jaeger.obs:9411/api/v2/spans")))

  private static let gateway = ProxyConfiguration(
    proxy: ProxyID(mesh: "shop", name: "edge-1"), identifyingService: "edge", isIPv6: false, inbounds: [],
    outbounds: [outbound("web", .http, port: 10_001, instances: 1)],
    tracing: TracingDestination(zipkin("http://jaeger.obs:9411/api/v2/spans")))

  private static let twoApplications = ProxyConfiguration(
    proxy: ProxyID(mesh: "shop", name: "two-1"), identifyingService: "a", isIPv6: false,
    inbounds: [("a", "10.1.0.1", "127.0.0.1"), ("b", "10.1.0.2", "127.0.0.2"), ("c", "10.1.0.3", "127.0.0.1")].map {
      ProxyConfiguration.Inbound(
        address: $0.1, port: 80, workloadAddress: $0.2, workloadPort: 8080, service: $0.0, serviceProtocol: .http,
        tags: ["kuma.io/service": $0.0, "kuma.io/protocol": "http"])
    }, outbounds: [], tracing: nil)

  static func label(_ serviceProtocol: ServiceProtocol) -> String {
    serviceProtocol == .unknown ? "unknown" : serviceProtocol.rawValue
  }

  static func inbound(
    _ service: String, _ serviceProtocol: ServiceProtocol, port: UInt16
  ) -> ProxyConfiguration.Inbound {
    ProxyConfiguration.Inbound(
      address: "10.1.0.1", port: port, workloadAddress: "127.0.0.1", workloadPort: port + 8000, service: service,
      serviceProtocol: serviceProtocol, tags: tags(service, serviceProtocol))
  }

  static func outbound(
    _ service: String, _ serviceProtocol: ServiceProtocol, port: UInt16, instances: UInt8
  ) -> ProxyConfiguration.Outbound {
    let endpoints = (0..<instances).map { index in
      ServiceEndpoints.Endpoint(
        address: "10.2.0.\(index + 1)", port: 80,
        tags: tags(service, serviceProtocol).merging(["version": "v\(index + 1)"]) { $1 })
    }
    return ProxyConfiguration.Outbound(
      address: "127.0.0.1", port: port,
      destination: ServiceEndpoints(mesh: "shop", service: service, endpoints: endpoints),
      callerTags: ["kuma.io/service": ["web"], "version": ["v2", "v1"]])
  }

  private static func tags(_ service: String, _ serviceProtocol: ServiceProtocol) -> [String: String] {
    var tags = ["kuma.io/service": service]
    if serviceProtocol != .unknown { tags["kuma.io/protocol"] = serviceProtocol.rawValue }
    return tags
  }
}
