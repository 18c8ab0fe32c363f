import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import MeshTestSupport
import SwiftProtobuf
import Testing

@testable import MeshXDS

@Suite("Translation into Envoy's form")
struct TranslationTests {
  typealias Manager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager

  @Test("gives the recorded resources", arguments: TranslationScenario.all)
  func golden(_ scenario: TranslationScenario) throws {
    let resources = try EnvoyTranslator().resources(for: scenario.configuration)
    try Golden().check(try resources.document().sortedByKey().json(.indented(1)) + "\n", "\(scenario.name).json")
  }

  struct ProtocolRule: Sendable, CustomTestStringConvertible {
    var serviceProtocol: ServiceProtocol
    /// Whether the listeners speak HTTP, so that requests can be traced.
    var isHTTP: Bool
    /// Whether the application is spoken to in HTTP/2.
    var localHTTP2: Bool
    /// Whether proxies speak HTTP/2 to each other.
    var meshHTTP2: Bool
    /// After how many seconds of silence a stream ends; 0 for never.
    var streamIdle: Int64?

    var testDescription: String { TranslationScenario.label(serviceProtocol) }

    static let all = [
      ProtocolRule(serviceProtocol: .grpc, isHTTP: true, localHTTP2: true, meshHTTP2: true, streamIdle: 0),
      ProtocolRule(serviceProtocol: .http2, isHTTP: true, localHTTP2: true, meshHTTP2: true, streamIdle: 0),
      ProtocolRule(serviceProtocol: .http, isHTTP: true, localHTTP2: false, meshHTTP2: true, streamIdle: 1800),
      ProtocolRule(serviceProtocol: .kafka, isHTTP: false, localHTTP2: false, meshHTTP2: false, streamIdle: nil),
      ProtocolRule(serviceProtocol: .tcp, isHTTP: false, localHTTP2: false, meshHTTP2: false, streamIdle: nil),
      ProtocolRule(serviceProtocol: .unknown, isHTTP: false, localHTTP2: false, meshHTTP2: false, streamIdle: nil),
    ]
  }

  @Test("takes listeners and clusters from the service's protocol", arguments: ProtocolRule.all)
  func protocols(_ rule: ProtocolRule) throws {
    let proxy = ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-1"), identifyingService: "web", isIPv6: false,
      inbounds: [TranslationScenario.inbound("web", rule.serviceProtocol, port: 80)],
      outbounds: [TranslationScenario.outbound("api", rule.serviceProtocol, port: 10_001, instances: 1)],
      tracing: TracingDestination(
        TracingBackend(name: "z", zipkin: ZipkinConf(url: "http://127.0.0.1:9411/api/v2/spans"))))
    let resources = try EnvoyTranslator().resources(for: proxy)

    #expect(resources.listeners.count == 2)
    for resource in resources.listeners {
      let listener = try Envoy_Config_Listener_V3_Listener(serializedBytes: resource.bytes)
      let filter = try #require(listener.filterChains.first?.filters.first)
      #expect(filter.typedConfig.isA(Manager.self) == rule.isHTTP)
      guard rule.isHTTP else { continue }
      let manager = try Manager(unpackingAny: filter.typedConfig)
      #expect(manager.hasTracing)
      #expect(manager.hasStreamIdleTimeout)
      #expect(manager.streamIdleTimeout.seconds == rule.streamIdle)
      let route = try #require(manager.routeConfig.virtualHosts.first?.routes.first)
      #expect(route.route.hasTimeout && route.route.timeout.seconds == 0)
    }
    let clusters = try Dictionary(
      uniqueKeysWithValues: resources.clusters.map {
        ($0.name, try Envoy_Config_Cluster_V3_Cluster(serializedBytes: $0.bytes))
      })
    let local = try #require(clusters["localhost:8080"])
    let service = try #require(clusters["api"])
    #expect(!local.typedExtensionProtocolOptions.isEmpty == rule.localHTTP2)
    #expect(!service.typedExtensionProtocolOptions.isEmpty == rule.meshHTTP2)
    #expect(local.connectTimeout.seconds == 10)
    #expect(service.connectTimeout.seconds == 5)
  }

  @Test(
    "has ids of requests looked at below 100 % alone, where Envoy would otherwise trace everything",
    arguments: [(nil, true), (100, true), (99.999, false), (10, false), (0.001, false), (0, false)]
      as [(Double?, Bool)],
    [true, false])
  func sampling(_ sampling: (percent: Double?, isAll: Bool), isDatadog: Bool) throws {
    let backend =
      isDatadog
      ? TracingBackend(name: "z", sampling: sampling.percent, datadog: DatadogConf(address: "agent", port: 8126))
      : TracingBackend(
        name: "z", sampling: sampling.percent, zipkin: ZipkinConf(url: "http://127.0.0.1:9411/api/v2/spans"))
    let proxy = ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-1"), identifyingService: "web", isIPv6: false,
      inbounds: [TranslationScenario.inbound("web", .http, port: 80)],
      outbounds: [TranslationScenario.outbound("api", .grpc, port: 10_001, instances: 1)],
      tracing: TracingDestination(backend))
    for resource in try EnvoyTranslator().resources(for: proxy).listeners {
      let listener = try Envoy_Config_Listener_V3_Listener(serializedBytes: resource.bytes)
      let filter = try #require(listener.filterChains.first?.filters.first)
      let manager = try Manager(unpackingAny: filter.typedConfig)
      #expect(manager.hasRequestIDExtension == sampling.isAll)
      #expect(manager.tracing.hasOverallSampling == (sampling.percent != nil))
      guard sampling.isAll else { continue }
      let ids = try Envoy_Extensions_RequestId_Uuid_V3_UuidRequestIdConfig(
        unpackingAny: manager.requestIDExtension.typedConfig)
      #expect(ids.hasUseRequestIDForTraceSampling && !ids.useRequestIDForTraceSampling.value)
    }
  }

  @Test(
    "writes names as statistics can hold them",
    arguments: [
      ("web", "web"), ("localhost:8080", "localhost_8080"), ("web_shop_svc_80", "web_shop_svc_80"),
      ("tracing:zipkin-eu.1", "tracing_zipkin-eu_1"), ("größe", "gr__e"), ("", ""),
    ])
  func statistics(_ name: String, _ expected: String) {
    #expect(EnvoyNames.statistics(name) == expected)
  }

  @Test(
    "writes a caller's tags into one header",
    arguments: [
      (["kuma.io/service": ["web"]], "&kuma.io/service=web&"),
      (["version": ["v1"], "kuma.io/service": ["web"]], "&kuma.io/service=web&&version=v1&"),
      (["kuma.io/service": ["web", "api"]], "&kuma.io/service=api,web&"),
      (["a": ["100%"]], "&a=100%%&"),
    ] as [([String: Set<String>], String)])
  func tagsHeader(_ tags: [String: Set<String>], _ expected: String) {
    #expect(ListenerTranslator.headerValue(tags) == expected)
  }

  @Test("keeps the last of two listeners at one address")
  func sameAddress() throws {
    let proxy = ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-1"), identifyingService: "a", isIPv6: false,
      inbounds: [
        TranslationScenario.inbound("a", .http, port: 80), TranslationScenario.inbound("b", .tcp, port: 80),
      ], outbounds: [], tracing: nil)
    let resources = try EnvoyTranslator().resources(for: proxy)
    #expect(resources.listeners.map(\.name) == ["inbound:10.1.0.1:80"])
    let bytes = try #require(resources.listeners.first?.bytes)
    let listener = try Envoy_Config_Listener_V3_Listener(serializedBytes: bytes)
    #expect(listener.metadata.filterMetadata["io.kuma.tags"]?.fields["kuma.io/service"]?.stringValue == "b")
  }
}

@Suite("Sharing of encoded resources")
struct TranslationSharingTests {
  private static let tracing = TracingDestination(
    TracingBackend(name: "z", sampling: 10, zipkin: ZipkinConf(url: "http://127.0.0.1:9411/api/v2/spans")))

  private func proxy(_ index: Int, calling services: [ServiceEndpoints]) -> ProxyConfiguration {
    ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-\(index)"), identifyingService: "web", isIPv6: false, inbounds: [],
      outbounds: services.enumerated().map { port, service in
        ProxyConfiguration.Outbound(
          address: "127.0.0.1", port: UInt16(10_000 + port), destination: service,
          callerTags: ["kuma.io/service": ["web"]])
      }, tracing: Self.tracing)
  }

  private func service(_ name: String, instances: Int, reversed: Bool = false) -> ServiceEndpoints {
    let indices = Array(1...instances)
    return ServiceEndpoints(
      mesh: "shop", service: name,
      endpoints: (reversed ? indices.reversed() : indices).map { index in
        // Enough tags, inserted in different orders, for dictionaries to be walked in different orders.
        var tags: [String: String] = [:]
        if reversed { tags.reserveCapacity(500) }
        let names = (0..<20).map { "tag-\($0)" }
        for name in reversed ? names.reversed() : names { tags[name] = "v" }
        tags["kuma.io/protocol"] = "http"
        return .init(address: "10.0.0.\(index)", port: 80, tags: tags)
      })
  }

  private func address(_ resource: EncodedResource) -> UnsafeRawPointer? {
    resource.bytes.withUnsafeBytes { $0.baseAddress }
  }

  @Test("encodes what a hundred proxies share once, and shares the bytes")
  func once() throws {
    let services = ["a", "b", "c"].map { service($0, instances: 3) }
    let translator = EnvoyTranslator()
    let all = try (0..<100).map { try translator.resources(for: proxy($0, calling: services)) }
    // Three clusters, three sets of endpoints with the same three instances, three listeners, one collector.
    #expect(translator.sharedEncodings == 13)
    let first = try #require(all.first)
    #expect(first.clusters.map(\.name) == ["a", "b", "c", "tracing:z"])
    for resources in all.dropFirst() {
      #expect(zip(first.clusters, resources.clusters).allSatisfy { address($0) == address($1) })
      #expect(zip(first.endpoints, resources.endpoints).allSatisfy { address($0) == address($1) })
      #expect(zip(first.listeners, resources.listeners).allSatisfy { address($0) == address($1) })
    }
  }

  @Test("encodes the listeners of both forms once, and one collector for both")
  func forms() throws {
    let translator = EnvoyTranslator()
    let url = "http://127.0.0.1:9411/api/v2/spans"
    let automatic = try #require(
      TracingDestination(TracingBackend(name: "z", zipkin: ZipkinConf(url: url, apiVersion: "auto"))))
    var all: [ProxyResources] = []
    for index in 0..<100 {
      var proxy = proxy(index, calling: [service("a", instances: 1)])
      proxy.tracing = automatic
      guard case .zipkin(let url, var options) = automatic.receiver else { continue }
      options.format = index.isMultiple(of: 2) ? .json : .protobuf
      proxy.tracing?.receiver = .zipkin(url, options)
      all.append(try translator.resources(for: proxy))
    }
    // A cluster, endpoints with one instance, two listeners, one collector.
    #expect(translator.sharedEncodings == 6)
    #expect(all[0].listeners != all[1].listeners)
    #expect(all[0].clusters == all[1].clusters)
    #expect(all[0].clusters.map(\.name) == ["a", "tracing-auto:z"])
    // Without auto the same backend has another cluster, so that Envoy keeps what is under way to this one.
    let plain = try translator.resources(for: proxy(0, calling: [service("a", instances: 1)]))
    #expect(plain.clusters.map(\.name) == ["a", "tracing:z"])
  }

  @Test("encodes only what changed")
  func change() throws {
    let translator = EnvoyTranslator()
    let before = try translator.resources(
      for: proxy(1, calling: [service("a", instances: 1), service("b", instances: 1)]))
    // Two clusters, two sets of endpoints with the same instance, two listeners, one collector.
    #expect(translator.sharedEncodings == 8)
    let after = try translator.resources(
      for: proxy(1, calling: [service("a", instances: 2), service("b", instances: 1)]))
    // One set of endpoints, and the one instance in it that is new.
    #expect(translator.sharedEncodings == 10)
    #expect(before.clusters == after.clusters)
    #expect(before.listeners == after.listeners)
    #expect(zip(before.endpoints, after.endpoints).map { $0 == $1 } == [false, true])
  }

  @Test("gives the same bytes whatever the order in which tags were inserted")
  func deterministic() throws {
    let one = try EnvoyTranslator().resources(for: proxy(1, calling: [service("a", instances: 5)]))
    let other = try EnvoyTranslator().resources(for: proxy(1, calling: [service("a", instances: 5, reversed: true)]))
    #expect(one.endpoints.map(\.bytes) == other.endpoints.map(\.bytes))
    #expect(one == other)
  }

  @Test("does not mix up services and backends of the same name in different meshes")
  func meshes() throws {
    let translator = EnvoyTranslator()
    var other = proxy(1, calling: [ServiceEndpoints(mesh: "m2", service: "a", endpoints: [])])
    other.proxy.mesh = "m2"
    other.tracing = TracingDestination(
      TracingBackend(name: "z", zipkin: ZipkinConf(url: "http://127.0.0.2:9411/api/v2/spans")))
    let first = try translator.resources(for: proxy(1, calling: [service("a", instances: 1)]))
    let second = try translator.resources(for: other)
    #expect(zip(first.clusters, second.clusters).allSatisfy { $0 != $1 })
    #expect(zip(first.endpoints, second.endpoints).allSatisfy { $0 != $1 })
    // Of each mesh a cluster, endpoints, a listener and a collector; and the first one's instance.
    #expect(translator.sharedEncodings == 9)
  }

  @Test("starts again when it is full, and stays correct")
  func full() throws {
    let memo = EncodingMemo(capacity: 2)
    for round in 1...3 {
      for name in ["a", "b", "c"] {
        let found = try memo.resource(.serviceCluster(mesh: "m", name: name), .serviceCluster(isHTTP2: true)) {
          EncodedResource(name: name, typeURL: ResourceTypeURL.cluster, bytes: Data("\(name)".utf8))
        }
        #expect(found.bytes == Data(name.utf8), "round \(round)")
      }
    }
    #expect(memo.encodings > 3)
  }
}

@Suite("Content hashes")
struct ContentHashTests {
  @Test("are SHA-256 over every byte")
  func known() {
    #expect(
      ContentHash(of: Data("abc".utf8)).description
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    var long = Data(repeating: 7, count: 10_000)
    let before = ContentHash(of: long)
    long[9_999] = 8
    #expect(ContentHash(of: long) != before)
  }
}
