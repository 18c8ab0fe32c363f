import EnvoyAPI
public import MeshPolicy
import SwiftProtobuf

/// Translates a proxy's configuration into Envoy resources.
///
/// The same configuration always gives the same bytes, also in another process. What proxies share (the clusters and
/// endpoints of services, the clusters of collectors) is encoded once. Source of names and values: Kuma 2.7, unless a
/// comment says otherwise.
public struct EnvoyTranslator: Sendable {
  let memo = EncodingMemo()

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
    let isBound = proxy.capture?.inboundPort == nil
    for inbound in proxy.inbounds {
      let cluster = local.name(for: inbound)
      let listener = try inboundListener(inbound, cluster: cluster, of: proxy, tracing: tracing, isBound: isBound)
      listeners[listener.name] = listener
      clusters[cluster] = try localCluster(inbound, name: cluster, isCaptured: !isBound)
    }
    for outbound in proxy.outbounds {
      let listener = try outboundListener(outbound, of: proxy, tracing: tracing, isBound: isBound)
      listeners[listener.name] = listener
      let cluster = EnvoyNames.serviceCluster(outbound.destination)
      guard endpoints[cluster] == nil else { continue }
      clusters[cluster] = try serviceCluster(outbound.destination)
      endpoints[cluster] = try serviceEndpoints(outbound.destination)
    }
    var secrets = ResourceSet.empty
    if let destination = proxy.tracing {
      let collector = CollectorAddress(destination, proxy.collectorAccess)
      let cluster = try tracingCluster(collector, mesh: proxy.proxy.mesh, isIPv6: proxy.isIPv6)
      clusters[cluster.name] = cluster
      if let access = proxy.collectorAccess { secrets = try tracingSecrets(collector, access, mesh: proxy.proxy.mesh) }
    }
    let further = try CaptureTranslator(proxy).resources()
    for listener in further.listeners { listeners[listener.name] = listener }
    for cluster in further.clusters { clusters[cluster.name] = cluster }
    // Only the listeners of HTTP make a tracer.
    let isTraced =
      proxy.inbounds.contains { $0.serviceProtocol.isHTTP }
      || proxy.outbounds.contains { $0.destination.serviceProtocol.isHTTP } || proxy.capture?.shared?.hasHTTP == true
    var resources = ProxyResources(
      listeners: Self.sorted(listeners), clusters: Self.sorted(clusters), endpoints: Self.sorted(endpoints),
      reporting: isTraced ? SpanReporting(proxy.tracing, tracer: tracing?.tracer) : .untraced)
    resources.secrets = secrets
    if let capture = proxy.capture { try add(capture, of: proxy, tracing: tracing, to: &resources) }
    return resources
  }

  /// Only the address differs between replicas; the rest is encoded once.
  private func inboundListener(
    _ inbound: ProxyConfiguration.Inbound, cluster: String, of proxy: ProxyConfiguration, tracing: TracingTranslator?,
    isBound: Bool
  ) throws(TranslationError) -> EncodedResource {
    let filter = try memo.part(
      .inboundFilter(
        mesh: proxy.proxy.mesh, service: inbound.service, cluster: cluster, proxy.tracing?.receiver.zipkinFormat),
      .listener(inbound.serviceProtocol, proxy.tracing, identifyingService: proxy.identifyingService)
    ) { () throws(TranslationError) in
      try ListenerTranslator.inboundFilter(inbound, cluster: cluster, tracing: tracing).value
    }
    let listener = ListenerTranslator.inbound(inbound, filter: filter, isBound: isBound)
    return try listener.resource(named: listener.name)
  }

  private func outboundListener(
    _ outbound: ProxyConfiguration.Outbound, of proxy: ProxyConfiguration, tracing: TracingTranslator?, isBound: Bool
  ) throws(TranslationError) -> EncodedResource {
    let destination = outbound.destination
    return try memo.resource(
      .outboundListener(
        mesh: proxy.proxy.mesh, service: EnvoyNames.serviceCluster(destination), address: outbound.address,
        port: outbound.port, isBound: isBound, callerTags: outbound.callerTags, proxy.tracing?.receiver.zipkinFormat),
      .listener(destination.serviceProtocol, proxy.tracing, identifyingService: proxy.identifyingService)
    ) { () throws(TranslationError) in
      let listener = try ListenerTranslator.outbound(outbound, tracing: tracing, isBound: isBound)
      return try listener.resource(named: listener.name)
    }
  }

  private func localCluster(
    _ inbound: ProxyConfiguration.Inbound, name: String, isCaptured: Bool
  ) throws(TranslationError) -> EncodedResource {
    try memo.resource(
      .localCluster(name: name, address: inbound.workloadAddress, port: inbound.workloadPort),
      .localCluster(isHTTP2: inbound.serviceProtocol.isHTTP2, isCaptured: isCaptured)
    ) { () throws(TranslationError) in
      try ClusterTranslator.local(inbound, name: name, isCaptured: isCaptured).resource(named: name)
    }
  }

  func serviceCluster(_ destination: ServiceEndpoints) throws(TranslationError) -> EncodedResource {
    // Proxies speak HTTP/2 to each other for all HTTP services; the receiving listener detects it.
    let isHTTP2 = destination.serviceProtocol.isHTTP
    let name = EnvoyNames.serviceCluster(destination)
    return try memo.resource(.serviceCluster(mesh: destination.mesh, name: name), .serviceCluster(isHTTP2: isHTTP2)) {
      () throws(TranslationError) in
      try ClusterTranslator.service(name, isHTTP2: isHTTP2).resource(named: name)
    }
  }

  func serviceEndpoints(_ destination: ServiceEndpoints) throws(TranslationError) -> EncodedResource {
    let name = EnvoyNames.serviceCluster(destination)
    return try memo.resource(.endpoints(mesh: destination.mesh, name: name), .endpoints(destination)) {
      () throws(TranslationError) in
      EncodedResource(
        name: name, typeURL: ResourceTypeURL.endpoints,
        bytes: try ClusterTranslator.endpoints(destination, cluster: name, memo: memo))
    }
  }

  private func tracingCluster(
    _ collector: CollectorAddress, mesh: String, isIPv6: Bool
  ) throws(TranslationError) -> EncodedResource {
    try memo.resource(
      .tracingCluster(
        mesh: mesh, name: collector.cluster, isIPv6: isIPv6, hasHeaders: !collector.headers.isEmpty),
      .tracingCluster(collector)
    ) { () throws(TranslationError) in
      try ClusterTranslator.tracing(collector, isIPv6: isIPv6).resource(named: collector.cluster)
    }
  }

  private func tracingSecrets(
    _ collector: CollectorAddress, _ access: CollectorAccess, mesh: String
  ) throws(TranslationError) -> ResourceSet {
    try memo.set(
      .tracingSecrets(mesh: mesh, name: collector.cluster, hasHeaders: !collector.headers.isEmpty),
      .tracingSecrets(collector, access)
    ) { () throws(TranslationError) in try CollectorSecrets.resources(of: collector, access) }
  }

  private static func sorted(_ resources: [String: EncodedResource]) -> [EncodedResource] {
    resources.values.sorted { $0.name < $1.name }
  }
}
