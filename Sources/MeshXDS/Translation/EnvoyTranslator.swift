import EnvoyAPI
public import MeshPolicy
import SwiftProtobuf

/// Translates a proxy's configuration into Envoy resources.
///
/// The same configuration always gives the same bytes, also in another process. What proxies share (the clusters and
/// endpoints of services, the clusters of collectors) is encoded once. Source of names and values: Kuma 2.7, unless a
/// comment says otherwise.
public struct EnvoyTranslator: Sendable {
  private let memo = EncodingMemo()

  /// Makes a translator with an empty cache. Copies share the cache.
  public init() {}

  /// The number of shared resources that missed the cache, for metrics.
  public var sharedEncodings: Int { memo.encodings }

  /// The resources of one proxy.
  ///
  /// - Throws: ``TranslationError`` when a resource cannot be encoded; the proxy then keeps what it has.
  public func resources(for proxy: ProxyConfiguration) throws(TranslationError) -> ProxyResources {
    let tracing = try proxy.tracing.map { (destination) throws(TranslationError) in
      try TracingTranslator(destination, identifyingService: proxy.identifyingService)
    }
    // Of two listeners at one address the last one stays, as in Kuma.
    var listeners: [String: EncodedResource] = [:]
    var clusters: [String: EncodedResource] = [:]
    var endpoints: [String: EncodedResource] = [:]

    let local = LocalClusters(proxy.inbounds)
    for inbound in proxy.inbounds {
      let cluster = local.name(for: inbound)
      let listener = try inboundListener(inbound, cluster: cluster, of: proxy, tracing: tracing)
      listeners[listener.name] = listener
      clusters[cluster] = try localCluster(inbound, name: cluster)
    }
    for outbound in proxy.outbounds {
      let listener = try outboundListener(outbound, of: proxy, tracing: tracing)
      listeners[listener.name] = listener
      let destination = outbound.destination
      guard endpoints[destination.service] == nil else { continue }
      clusters[destination.service] = try serviceCluster(destination)
      endpoints[destination.service] = try serviceEndpoints(destination)
    }
    if let destination = proxy.tracing {
      let cluster = try tracingCluster(destination, mesh: proxy.proxy.mesh, isIPv6: proxy.isIPv6)
      clusters[cluster.name] = cluster
    }
    // Only the listeners of HTTP make a tracer.
    let isTraced =
      proxy.inbounds.contains { $0.serviceProtocol.isHTTP }
      || proxy.outbounds.contains { $0.destination.serviceProtocol.isHTTP }
    let reporting = isTraced ? SpanReporting(proxy.tracing, tracer: tracing?.tracer) : .untraced
    return ProxyResources(
      listeners: Self.sorted(listeners), clusters: Self.sorted(clusters), endpoints: Self.sorted(endpoints),
      reporting: reporting)
  }

  /// Only the address differs between replicas; the rest is encoded once.
  private func inboundListener(
    _ inbound: ProxyConfiguration.Inbound, cluster: String, of proxy: ProxyConfiguration, tracing: TracingTranslator?
  ) throws(TranslationError) -> EncodedResource {
    let filter = try memo.part(
      .inboundFilter(
        mesh: proxy.proxy.mesh, service: inbound.service, cluster: cluster, proxy.tracing?.receiver.zipkinFormat),
      .listener(inbound.serviceProtocol, proxy.tracing, identifyingService: proxy.identifyingService)
    ) { () throws(TranslationError) in
      try ListenerTranslator.inboundFilter(inbound, cluster: cluster, tracing: tracing).value
    }
    let listener = ListenerTranslator.inbound(inbound, filter: filter)
    return try listener.resource(named: listener.name)
  }

  private func outboundListener(
    _ outbound: ProxyConfiguration.Outbound, of proxy: ProxyConfiguration, tracing: TracingTranslator?
  ) throws(TranslationError) -> EncodedResource {
    let destination = outbound.destination
    return try memo.resource(
      .outboundListener(
        mesh: proxy.proxy.mesh, service: destination.service, address: outbound.address, port: outbound.port,
        callerTags: outbound.callerTags, proxy.tracing?.receiver.zipkinFormat),
      .listener(destination.serviceProtocol, proxy.tracing, identifyingService: proxy.identifyingService)
    ) { () throws(TranslationError) in
      let listener = try ListenerTranslator.outbound(outbound, tracing: tracing)
      return try listener.resource(named: listener.name)
    }
  }

  private func localCluster(
    _ inbound: ProxyConfiguration.Inbound, name: String
  ) throws(TranslationError) -> EncodedResource {
    try memo.resource(
      .localCluster(name: name, address: inbound.workloadAddress, port: inbound.workloadPort),
      .localCluster(isHTTP2: inbound.serviceProtocol.isHTTP2)
    ) { () throws(TranslationError) in
      try ClusterTranslator.local(inbound, name: name).resource(named: name)
    }
  }

  private func serviceCluster(_ destination: ServiceEndpoints) throws(TranslationError) -> EncodedResource {
    // Proxies speak HTTP/2 to each other for all HTTP services; the receiving listener detects it.
    let isHTTP2 = destination.serviceProtocol.isHTTP
    return try memo.resource(
      .serviceCluster(mesh: destination.mesh, service: destination.service), .serviceCluster(isHTTP2: isHTTP2)
    ) { () throws(TranslationError) in
      try ClusterTranslator.service(destination.service, isHTTP2: isHTTP2).resource(named: destination.service)
    }
  }

  private func serviceEndpoints(_ destination: ServiceEndpoints) throws(TranslationError) -> EncodedResource {
    try memo.resource(
      .endpoints(mesh: destination.mesh, service: destination.service), .endpoints(destination)
    ) { () throws(TranslationError) in
      EncodedResource(
        name: destination.service, typeURL: ResourceTypeURL.endpoints,
        bytes: try ClusterTranslator.endpoints(destination, memo: memo))
    }
  }

  private func tracingCluster(
    _ destination: TracingDestination, mesh: String, isIPv6: Bool
  ) throws(TranslationError) -> EncodedResource {
    let collector = CollectorAddress(destination)
    return try memo.resource(
      .tracingCluster(mesh: mesh, name: collector.cluster, isIPv6: isIPv6), .tracingCluster(collector)
    ) { () throws(TranslationError) in
      try ClusterTranslator.tracing(collector, isIPv6: isIPv6).resource(named: collector.cluster)
    }
  }

  private static func sorted(_ resources: [String: EncodedResource]) -> [EncodedResource] {
    resources.values.sorted { $0.name < $1.name }
  }
}

/// The clusters of a proxy's applications.
///
/// Kuma names them by port alone and drops the first of two applications with the same port. Here the first one keeps
/// Kuma's name and the others get longer names, so that requests reach the right application.
struct LocalClusters {
  private struct Application: Hashable {
    var address: String
    var port: UInt16
    var isHTTP2: Bool

    init(_ inbound: ProxyConfiguration.Inbound) {
      address = inbound.workloadAddress
      port = inbound.workloadPort
      isHTTP2 = inbound.serviceProtocol.isHTTP2
    }
  }

  private var firstAtPort: [UInt16: Application] = [:]

  init(_ inbounds: [ProxyConfiguration.Inbound]) {
    for inbound in inbounds where firstAtPort[inbound.workloadPort] == nil {
      firstAtPort[inbound.workloadPort] = Application(inbound)
    }
  }

  /// The name of the cluster behind an inbound.
  func name(for inbound: ProxyConfiguration.Inbound) -> String {
    let application = Application(inbound)
    guard let first = firstAtPort[application.port], first != application else {
      return EnvoyNames.localCluster(application.port)
    }
    return EnvoyNames.localCluster(application.address, application.port, isHTTP2: application.isHTTP2)
  }
}
