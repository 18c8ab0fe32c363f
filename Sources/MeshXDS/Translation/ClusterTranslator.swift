import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes clusters and their endpoints.
enum ClusterTranslator {
  typealias Cluster = Envoy_Config_Cluster_V3_Cluster
  typealias LoadAssignment = Envoy_Config_Endpoint_V3_ClusterLoadAssignment

  /// The connect timeout for the application, in seconds. Source: Kuma 2.7.
  private static let localConnectTimeout: Int64 = 10
  /// The connect timeout for everything else, in seconds. Source: Kuma 2.7.
  private static let connectTimeout: Int64 = 5

  /// The application behind an inbound.
  ///
  /// - Parameter isCaptured: whether rules lead connections to the application to the proxy. They leave out those that the proxy makes
  ///   from an address of its own.
  static func local(
    _ inbound: ProxyConfiguration.Inbound, name: String, isCaptured: Bool
  ) throws(TranslationError) -> Cluster {
    var cluster = Cluster()
    cluster.name = name
    cluster.altStatName = EnvoyNames.statistics(name)
    cluster.type = .static
    cluster.connectTimeout = .seconds(localConnectTimeout)
    cluster.loadAssignment = assignment(name, [endpoint(inbound.workloadAddress, inbound.workloadPort)])
    if isCaptured, !["127.0.0.1", "::1"].contains(inbound.workloadAddress) {
      cluster.leaveFromProxy(isIPv6: HostRules.isIPv6(inbound.workloadAddress))
    }
    if inbound.serviceProtocol.isHTTP2 { try cluster.speakHTTP2() }
    return cluster
  }

  /// Connections that go on to where they were made to.
  static func originalDestination(_ name: String) -> Cluster {
    var cluster = Cluster()
    cluster.name = name
    let statistics = EnvoyNames.statistics(name)
    if statistics != name { cluster.altStatName = statistics }
    cluster.type = .originalDst
    cluster.lbPolicy = .clusterProvided
    cluster.connectTimeout = .seconds(connectTimeout)
    return cluster
  }

  /// Connections that were led to the proxy on their way to the application.
  static func inboundPassthrough(isIPv6: Bool) -> Cluster {
    var cluster = originalDestination(EnvoyNames.inboundPassthrough(isIPv6: isIPv6))
    cluster.leaveFromProxy(isIPv6: isIPv6)
    return cluster
  }

  /// Envoy's administration on the loopback address.
  static func administration(port: UInt16) -> Cluster {
    var cluster = Cluster()
    cluster.name = EnvoyNames.administration
    cluster.altStatName = EnvoyNames.statistics(cluster.name)
    cluster.type = .static
    cluster.connectTimeout = .seconds(connectTimeout)
    cluster.loadAssignment = assignment(cluster.name, [endpoint("127.0.0.1", port)])
    return cluster
  }

  /// A service of the mesh, whose endpoints come over EDS.
  static func service(_ name: String, isHTTP2: Bool) throws(TranslationError) -> Cluster {
    var cluster = Cluster()
    cluster.name = name
    cluster.type = .eds
    cluster.connectTimeout = .seconds(connectTimeout)
    cluster.edsClusterConfig.edsConfig.ads = Envoy_Config_Core_V3_AggregatedConfigSource()
    cluster.edsClusterConfig.edsConfig.resourceApiVersion = .v3
    if isHTTP2 { try cluster.speakHTTP2() }
    return cluster
  }

  /// The encoded endpoints of a service of the mesh, with their tags except for the service tag, which is the same for all.
  ///
  /// Each instance is encoded once and cached, so that one more instance of a large service costs one encoding and a copy.
  static func endpoints(_ service: ServiceEndpoints, cluster: String, memo: EncodingMemo) throws(TranslationError)
    -> Data
  {
    var instances: [Data] = []
    instances.reserveCapacity(service.endpoints.count)
    for instance in service.endpoints {
      instances.append(
        try memo.part(.endpoint(instance), .place) { () throws(TranslationError) in
          try endpoint(of: instance).encoded()
        })
    }
    // ClusterLoadAssignment: cluster_name 1, endpoints 2; LocalityLbEndpoints: lb_endpoints 2.
    let length = instances.reduce(0) { $0 + WireWriter.size(field: $1.count) }
    var out = WireWriter(capacity: cluster.utf8.count + length + 16)
    out.string(field: 1, cluster)
    if !instances.isEmpty {
      out.header(field: 2, length: length)
      for instance in instances { out.bytes(field: 2, instance) }
    }
    return Data(out.bytes)
  }

  private static func endpoint(of instance: ServiceEndpoints.Endpoint) -> Envoy_Config_Endpoint_V3_LbEndpoint {
    var result = endpoint(instance.address, instance.port)
    result.loadBalancingWeight = Google_Protobuf_UInt32Value(1)
    let tags = instance.tags.filter { $0.key != TagName.service }
    if !tags.isEmpty {
      let fields = Google_Protobuf_Struct(tags)
      result.metadata.filterMetadata = ["envoy.lb": fields, "envoy.transport_socket_match": fields]
    }
    return result
  }

  /// The collector of a backend. Spans go directly to it, not through the mesh.
  static func tracing(_ collector: CollectorAddress, isIPv6: Bool) throws(TranslationError) -> Cluster {
    var cluster = Cluster()
    cluster.name = collector.cluster
    cluster.altStatName = EnvoyNames.statistics(cluster.name)
    cluster.connectTimeout = .seconds(connectTimeout)
    cluster.loadAssignment = assignment(cluster.name, [endpoint(collector.host, collector.port)])
    let isIP = HostRules.isIP(collector.host)
    if isIP {
      cluster.type = .static
    } else {
      cluster.type = .strictDns
      // A host without IPv6 must not try addresses that it cannot reach.
      cluster.dnsLookupFamily = isIPv6 ? .auto : .v4Only
    }
    if collector.isTLS {
      var tls = Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext()
      if let name = collector.serverName { tls.sni = name }
      switch collector.verification {
      case .none:
        // As in Kuma.
        tls.allowRenegotiation = true
      case .name:
        tls.commonTlsContext.validationContextSdsSecretConfig = CollectorSecrets.reference(
          EnvoyNames.validationSecret(collector.cluster))
      }
      if collector.hasIdentity {
        tls.commonTlsContext.tlsCertificateSdsSecretConfigs = [
          CollectorSecrets.reference(EnvoyNames.identitySecret(collector.cluster))
        ]
      }
      var match = Cluster.TransportSocketMatch()
      match.name = collector.host
      match.match = Google_Protobuf_Struct()
      match.transportSocket.name = "envoy.transport_sockets.tls"
      match.transportSocket.typedConfig = try tls.packed()
      cluster.transportSocketMatches = [match]
    }
    let filters = try CollectorSecrets.filters(of: collector)
    guard collector.isAutomatic || !filters.isEmpty else { return cluster }
    var options = Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions()
    options.explicitHTTPConfig.httpProtocolOptions = Envoy_Config_Core_V3_Http1ProtocolOptions()
    options.httpFilters = filters
    if collector.isAutomatic { cluster.repeatReports(&options) }
    cluster.typedExtensionProtocolOptions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] =
      try options.packed()
    return cluster
  }

  private static func assignment(
    _ cluster: String, _ endpoints: [Envoy_Config_Endpoint_V3_LbEndpoint]
  ) -> LoadAssignment {
    var assignment = LoadAssignment()
    assignment.clusterName = cluster
    if !endpoints.isEmpty {
      var locality = Envoy_Config_Endpoint_V3_LocalityLbEndpoints()
      locality.lbEndpoints = endpoints
      assignment.endpoints = [locality]
    }
    return assignment
  }

  private static func endpoint(_ address: String, _ port: UInt16) -> Envoy_Config_Endpoint_V3_LbEndpoint {
    var endpoint = Envoy_Config_Endpoint_V3_LbEndpoint()
    endpoint.endpoint.address = .socket(address, port)
    return endpoint
  }
}

extension Envoy_Config_Cluster_V3_Cluster {
  /// Makes Envoy connect from an address that rules for redirection leave out. Source: Kuma 2.7.
  fileprivate mutating func leaveFromProxy(isIPv6: Bool) {
    upstreamBindConfig.sourceAddress.address = isIPv6 ? "::6" : "127.0.0.6"
    upstreamBindConfig.sourceAddress.portValue = 0
  }

  /// Makes Envoy speak HTTP/2 to the cluster's endpoints.
  fileprivate mutating func speakHTTP2() throws(TranslationError) {
    var options = Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions()
    options.explicitHTTPConfig.http2ProtocolOptions = Envoy_Config_Core_V3_Http2ProtocolOptions()
    typedExtensionProtocolOptions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] = try options.packed()
  }
}

extension Envoy_Config_Cluster_V3_Cluster {
  /// How many reports may wait for the collector. In protobuf they hold 51,200 spans and about 100 MB of an Envoy's memory.
  private static let reportsAtMost: UInt32 = 1_024
  /// How many connections an Envoy may open to the collector, which stores the reports of several together.
  private static let connectionsAtMost: UInt32 = 32

  /// Makes Envoy send a report of spans again when the collector is away, restarts or asks to be spared for a moment, until the
  /// report's time is over (`tracing.zipkin.request_timeout` of the runtime).
  ///
  /// Envoy's usual limit of three retries at a time would lose most reports. A report that the collector has stored but not answered
  /// comes twice; the collector counts its spans once. Envoys before 1.37 ignore the policy. Seen with Envoy 1.37 to 1.40.
  fileprivate mutating func repeatReports(_ options: inout Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions) {
    options.retryPolicy.retryOn = "connect-failure,refused-stream,reset,gateway-error"
    // The time decides, not the number.
    options.retryPolicy.numRetries = Google_Protobuf_UInt32Value(200)
    options.retryPolicy.retryBackOff.baseInterval = .milliseconds(100)
    options.retryPolicy.retryBackOff.maxInterval = .milliseconds(500)
    // A collector that is overloaded says when to come again.
    var retryAfter = Envoy_Config_Route_V3_RetryPolicy.ResetHeader()
    retryAfter.name = "retry-after"
    retryAfter.format = .seconds
    options.retryPolicy.rateLimitedRetryBackOff.resetHeaders = [retryAfter]
    options.retryPolicy.rateLimitedRetryBackOff.maxInterval = .seconds(3)
    var limits = Envoy_Config_Cluster_V3_CircuitBreakers.Thresholds()
    limits.maxConnections = Google_Protobuf_UInt32Value(Self.connectionsAtMost)
    limits.maxPendingRequests = Google_Protobuf_UInt32Value(Self.reportsAtMost)
    limits.maxRequests = Google_Protobuf_UInt32Value(Self.reportsAtMost)
    limits.maxRetries = Google_Protobuf_UInt32Value(Self.reportsAtMost)
    // No other statistic counts reports that wait until they are sent again, which `kuma-dp` has to know at the end of a proxy.
    limits.trackRemaining = true
    circuitBreakers.thresholds = [limits]
  }
}

extension Envoy_Config_Core_V3_Address {
  /// An IP address with a port; clusters that resolve names also accept a host name.
  static func socket(_ address: String, _ port: UInt16) -> Self {
    var result = Self()
    result.socketAddress.address = address
    result.socketAddress.portValue = UInt32(port)
    return result
  }
}
