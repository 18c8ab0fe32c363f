import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import SwiftProtobuf
import Testing

@testable import MeshXDS

/// How authorities, certificates and headers reach an Envoy.
@Suite struct CollectorSecretsTests {
  typealias Cluster = Envoy_Config_Cluster_V3_Cluster
  typealias Secret = Envoy_Extensions_TransportSockets_Tls_V3_Secret

  private static func proxy(
    _ access: CollectorAccess?, url: String = "http://jaeger.obs:9411/api/v2/spans"
  ) -> ProxyConfiguration {
    var proxy = ProxyConfiguration(
      proxy: ProxyID(mesh: "shop", name: "web-1"), identifyingService: "web", isIPv6: false,
      inbounds: [TranslationScenario.inbound("web", .http, port: 80)], outbounds: [],
      tracing: TracingDestination(TracingBackend(name: "jaeger", zipkin: ZipkinConf(url: url))))
    proxy.collectorAccess = access
    return proxy
  }

  private static let full = CollectorAccess(
    verification: .authorities("the-authority"), serverName: "collector.example",
    identity: CollectorAccess.Identity(certificateChain: "the-chain", privateKey: "the-key"),
    headers: [CollectorAccess.Header(name: "x-api-key", value: "the-value")])

  private static func cluster(_ resources: ProxyResources) throws -> Cluster {
    try Cluster(
      serializedBytes: try #require(resources.clusters.first { $0.name == "tracing:jaeger" }).bytes)
  }

  private static func secrets(_ resources: ProxyResources) throws -> [String: Secret] {
    try resources.secrets.resources.reduce(into: [:]) { $0[$1.name] = try Secret(serializedBytes: $1.bytes) }
  }

  @Test("Each secret is a resource of its own, and nothing else contains any of them")
  func separate() throws {
    let resources = try EnvoyTranslator().resources(for: Self.proxy(Self.full))
    let secrets = try Self.secrets(resources)
    #expect(
      secrets.keys.sorted() == [
        "tracing:jaeger/header/x-api-key", "tracing:jaeger/identity", "tracing:jaeger/validation",
      ])
    let validation = try #require(secrets["tracing:jaeger/validation"]?.validationContext)
    #expect(validation.trustedCa.inlineString == "the-authority")
    #expect(validation.matchTypedSubjectAltNames.map(\.matcher.exact) == ["collector.example"])
    #expect(validation.matchTypedSubjectAltNames.map(\.sanType) == [.dns])
    #expect(secrets["tracing:jaeger/identity"]?.tlsCertificate.privateKey.inlineString == "the-key")
    #expect(secrets["tracing:jaeger/header/x-api-key"]?.genericSecret.secret.inlineString == "the-value")

    let tls = try #require(try Self.cluster(resources).transportSocketMatches.first?.transportSocket)
    let context = try Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext(unpackingAny: tls.typedConfig)
    #expect(context.sni == "collector.example" && !context.allowRenegotiation)
    #expect(context.commonTlsContext.validationContextSdsSecretConfig.name == "tracing:jaeger/validation")
    for resource in resources.clusters + resources.listeners {
      for text in ["the-authority", "the-chain", "the-key", "the-value"] {
        #expect(resource.bytes.range(of: Data(text.utf8)) == nil, "\(resource.name) contains \(text)")
      }
    }
  }

  @Test("A new authority, certificate or value is a new secret, and changes neither a cluster nor a listener")
  func rotation() throws {
    let translator = EnvoyTranslator()
    let before = try translator.resources(for: Self.proxy(Self.full))
    var access = Self.full
    access.verification = .authorities("another")
    access.identity?.privateKey = "another"
    access.headers[0].value = "another"
    let after = try translator.resources(for: Self.proxy(access))
    #expect(before.clusters == after.clusters && before.listeners == after.listeners)
    #expect(before.secrets != after.secrets)
    // The snapshot differs, so that it is sent.
    #expect(ProxySnapshot(before) != ProxySnapshot(after))
    #expect(ProxySnapshot(after)[ResourceTypeURL.secret] == after.secrets)
  }

  @Test("Proxies share the secrets of a backend, also with proxies whose Envoys take no headers")
  func shared() throws {
    let translator = EnvoyTranslator()
    let first = try translator.resources(for: Self.proxy(Self.full))
    var plain = Self.full
    plain.headers = []
    _ = try translator.resources(for: Self.proxy(plain))
    let made = translator.sharedEncodings
    #expect(try translator.resources(for: Self.proxy(Self.full)).secrets == first.secrets)
    _ = try translator.resources(for: Self.proxy(plain))
    #expect(translator.sharedEncodings == made)
  }

  @Test("Without settings the cluster is the recorded one; with headers alone only its filters are added")
  func additive() throws {
    for url in ["http://a.example:80/s", "https://a.example:443/s", "https://10.0.0.1:443/s"] {
      let plain = try EnvoyTranslator().resources(for: Self.proxy(nil, url: url))
      #expect(plain.secrets.isEmpty)
      var cluster = try Self.cluster(
        try EnvoyTranslator().resources(
          for: Self.proxy(CollectorAccess(headers: Self.full.headers), url: url)))
      let options = try Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions(
        unpackingAny: try #require(cluster.typedExtensionProtocolOptions.values.first))
      #expect(
        options.httpFilters.map(\.name) == [
          "envoy.filters.http.credential_injector", "envoy.filters.http.upstream_codec",
        ])
      cluster.typedExtensionProtocolOptions = [:]
      #expect(cluster == (try Self.cluster(plain)), "\(url)")
    }
  }

  @Test("An address is matched as an address, and is not asked for by name; a URL without TLS gets TLS")
  func address() throws {
    let access = CollectorAccess(verification: .system)
    let resources = try EnvoyTranslator().resources(for: Self.proxy(access, url: "http://10.0.0.1:9411/s"))
    let validation = try #require(try Self.secrets(resources)["tracing:jaeger/validation"]?.validationContext)
    #expect(validation.trustedCa.filename == "/etc/ssl/certs/ca-certificates.crt")
    #expect(validation.matchTypedSubjectAltNames.map(\.sanType) == [.ipAddress])
    let tls = try #require(try Self.cluster(resources).transportSocketMatches.first?.transportSocket)
    let context = try Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext(unpackingAny: tls.typedConfig)
    #expect(context.sni.isEmpty)
  }

  // MARK: On a stream

  private static func request(
    _ type: String, _ names: [String], nonce: String = "", version: String = ""
  ) -> DiscoveryStreamStateMachine.Event {
    var node = Envoy_Config_Core_V3_Node()
    node.id = "shop.web-1"
    return .request(
      DiscoveryStreamRequest(node: node, typeURL: type, nonce: nonce, interest: .all(names: names, version: version)))
  }

  private static func sent(_ actions: [DiscoveryStreamStateMachine.Action]) -> DiscoveryStreamResponse? {
    for case .send(let response) in actions { return response }
    return nil
  }

  @Test("Secrets are sent while clusters wait for them, and listeners only afterwards")
  func order() throws {
    let snapshot = ProxySnapshot(try EnvoyTranslator().resources(for: Self.proxy(Self.full)))
    let names = snapshot[ResourceTypeURL.secret].resources.map(\.name)
    var stream = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    _ = stream.handle(.snapshotChanged(snapshot))
    let clusters = try #require(Self.sent(stream.handle(Self.request(ResourceTypeURL.cluster, []))))
    _ = stream.handle(.sent)
    // Envoy applies the clusters, asks for what they name, and does not acknowledge them before they are ready.
    #expect(Self.sent(stream.handle(Self.request(ResourceTypeURL.listener, []))) == nil)
    let secrets = try #require(Self.sent(stream.handle(Self.request(ResourceTypeURL.secret, names))))
    #expect(secrets.resources.map(\.name) == names)
    #expect(Self.sent(stream.handle(.sent)) == nil)
    let accepted = Self.request(ResourceTypeURL.secret, names, nonce: secrets.nonce, version: secrets.version)
    #expect(Self.sent(stream.handle(accepted)) == nil)
    let ready = Self.request(ResourceTypeURL.cluster, [], nonce: clusters.nonce, version: clusters.version)
    #expect(Self.sent(stream.handle(ready))?.typeURL == ResourceTypeURL.listener)
  }

  @Test("A new token is one secret on the stream; a stream that comes back gets it at once")
  func renewed() throws {
    let translator = EnvoyTranslator()
    let first = ProxySnapshot(try translator.resources(for: Self.proxy(Self.full)))
    var access = Self.full
    access.headers[0].value = "another"
    let second = ProxySnapshot(try translator.resources(for: Self.proxy(access)))
    let names = first[ResourceTypeURL.secret].resources.map(\.name)

    var stream = DiscoveryStreamStateMachine(variant: .stateOfTheWorld)
    _ = stream.handle(.snapshotChanged(first))
    let sent = try #require(Self.sent(stream.handle(Self.request(ResourceTypeURL.secret, names))))
    _ = stream.handle(.sent)
    _ = stream.handle(Self.request(ResourceTypeURL.secret, names, nonce: sent.nonce, version: sent.version))
    let update = try #require(Self.sent(stream.handle(.snapshotChanged(second))))
    #expect(update.resources.map(\.name) == ["tracing:jaeger/header/x-api-key"])

    var next = DiscoveryStreamStateMachine(variant: .stateOfTheWorld, remembered: stream.held)
    _ = next.handle(.snapshotChanged(second))
    let again = try #require(
      Self.sent(next.handle(Self.request(ResourceTypeURL.secret, names, version: sent.version))))
    #expect(again.resources.map(\.name) == ["tracing:jaeger/header/x-api-key"])
  }

  @Test("A collector that is withdrawn keeps its secrets for as long as its cluster")
  func withdrawn() throws {
    let translator = EnvoyTranslator()
    let first = ProxySnapshot(try translator.resources(for: Self.proxy(Self.full)))
    var other = Self.proxy(nil)
    other.tracing?.backend = "zipkin"
    let second = ProxySnapshot(try translator.resources(for: other))
    var withdrawn = WithdrawnCollectors()
    _ = withdrawn.add(to: first, of: "p", drainTime: .seconds(30), now: .zero)
    let (kept, end) = withdrawn.add(to: second, of: "p", drainTime: .seconds(30), now: .seconds(1))
    #expect(kept.clusters["tracing:jaeger"] != nil)
    #expect(kept[ResourceTypeURL.secret] == first[ResourceTypeURL.secret])
    #expect(withdrawn.expire(at: try #require(end)) == ["p"])
    let (last, _) = withdrawn.add(to: second, of: "p", drainTime: .seconds(30), now: try #require(end))
    #expect(last.clusters["tracing:jaeger"] == nil && last[ResourceTypeURL.secret].isEmpty)
  }
}
