import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes listeners.
enum ListenerTranslator {
  typealias Listener = Envoy_Config_Listener_V3_Listener
  typealias ConnectionManager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager
  typealias Routes = Envoy_Config_Route_V3_RouteConfiguration

  /// The header that carries the caller's tags to the destination's proxy, which removes it.
  private static let tagsHeader = "x-kuma-tags"

  /// A listener for the requests of others.
  ///
  /// - Parameters:
  ///   - filter: the encoded result of ``inboundFilter(_:cluster:tracing:)``.
  ///   - isBound: whether it listens itself; otherwise redirected connections are handed to it.
  static func inbound(_ inbound: ProxyConfiguration.Inbound, filter: Data, isBound: Bool) -> Listener {
    var listener = listener(
      EnvoyNames.inboundListener(inbound.address, inbound.port), .inbound, inbound.address, inbound.port,
      tags: inbound.tags, isBound: isBound)
    let isHTTP = inbound.serviceProtocol.isHTTP
    var configuration = Google_Protobuf_Any()
    configuration.typeURL =
      isHTTP ? ConnectionManager.typeURL : Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.typeURL
    configuration.value = filter
    listener.filterChains = [chain(isHTTP ? connectionManagerName : tcpProxyName, configuration)]
    return listener
  }

  /// The filter of a listener for the requests of others, which is the same at every address.
  static func inboundFilter(
    _ inbound: ProxyConfiguration.Inbound, cluster: String, tracing: TracingTranslator?
  ) throws(TranslationError) -> Google_Protobuf_Any {
    let statistics = EnvoyNames.statistics(cluster)
    guard inbound.serviceProtocol.isHTTP else { return try tcpProxy(cluster, statistics: statistics).packed() }
    var manager = try connectionManager(inbound.serviceProtocol, statistics: statistics)
    // A client's claims about its certificate must not reach the application.
    manager.forwardClientCertDetails = .sanitizeSet
    manager.setCurrentClientCertDetails.uri = true
    manager.routeConfig = routes(EnvoyNames.inboundRoute(inbound.service), host: inbound.service, cluster: cluster)
    manager.routeConfig.requestHeadersToRemove = [tagsHeader]
    try tracing?.trace(&manager, .inbound(service: inbound.service))
    return try manager.packed()
  }

  /// A listener for the application's requests to a service.
  ///
  /// - Parameter isBound: whether it listens itself; otherwise redirected connections are handed to it.
  static func outbound(
    _ outbound: ProxyConfiguration.Outbound, tracing: TracingTranslator?, isBound: Bool
  ) throws(TranslationError) -> Listener {
    let service = outbound.destination.service
    var listener = listener(
      EnvoyNames.outboundListener(outbound.address, outbound.port), .outbound, outbound.address, outbound.port,
      tags: [TagName.service: service], isBound: isBound)
    let statistics = EnvoyNames.statistics(service)
    let cluster = EnvoyNames.serviceCluster(outbound.destination)
    guard outbound.destination.serviceProtocol.isHTTP else {
      listener.filterChains = [chain(tcpProxyName, try tcpProxy(cluster, statistics: statistics).packed())]
      return listener
    }
    var manager = try connectionManager(outbound.destination.serviceProtocol, statistics: statistics)
    manager.routeConfig = routes(EnvoyNames.outboundRoute(service), host: service, cluster: cluster)
    if !outbound.callerTags.isEmpty {
      var option = Envoy_Config_Core_V3_HeaderValueOption()
      option.header.key = tagsHeader
      option.header.value = headerValue(outbound.callerTags)
      manager.routeConfig.requestHeadersToAdd = [option]
    }
    try tracing?.trace(&manager, .outbound(destination: service))
    listener.filterChains = [chain(connectionManagerName, try manager.packed())]
    return listener
  }

  /// Tags as one header: `&k1=v1&&k2=v2,v3&`, sorted. Percent signs are escaped, since they begin an Envoy command.
  static func headerValue(_ tags: [String: Set<String>]) -> String {
    tags.sorted { $0.key < $1.key }.map { "&\($0.key)=\($0.value.sorted().joined(separator: ","))&" }.joined()
      .split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
  }

  static func listener(
    _ name: String, _ direction: Envoy_Config_Core_V3_TrafficDirection, _ address: String, _ port: UInt16,
    tags: [String: String] = [:], isBound: Bool
  ) -> Listener {
    var listener = Listener()
    listener.name = name
    listener.trafficDirection = direction
    listener.address = .socket(address, port)
    listener.enableReusePort = Google_Protobuf_BoolValue(false)
    if !isBound { listener.bindToPort = Google_Protobuf_BoolValue(false) }
    if !tags.isEmpty { listener.metadata.filterMetadata = ["io.kuma.tags": Google_Protobuf_Struct(tags)] }
    return listener
  }

  private static func connectionManager(
    _ serviceProtocol: ServiceProtocol, statistics: String
  ) throws(TranslationError) -> ConnectionManager {
    var manager = try plainConnectionManager(statistics: statistics)
    // By default Envoy ends a stream that is idle for five minutes. A gRPC stream may be idle without a limit; a response
    // over HTTP/1.1 gets half an hour, as in Kuma's default policy.
    manager.streamIdleTimeout = .seconds(serviceProtocol.isHTTP2 ? 0 : 1800)
    return manager
  }

  static func plainConnectionManager(statistics: String) throws(TranslationError) -> ConnectionManager {
    var manager = ConnectionManager()
    manager.statPrefix = statistics
    manager.internalAddressConfig.cidrRanges = [range("127.0.0.1", 32), range("::1", 128)]
    var router = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter()
    router.name = "envoy.filters.http.router"
    router.typedConfig = try Envoy_Extensions_Filters_Http_Router_V3_Router().packed()
    manager.httpFilters = [router]
    return manager
  }

  private static func range(_ prefix: String, _ length: UInt32) -> Envoy_Config_Core_V3_CidrRange {
    var range = Envoy_Config_Core_V3_CidrRange()
    range.addressPrefix = prefix
    range.prefixLen = Google_Protobuf_UInt32Value(length)
    return range
  }

  /// Routes every request to one cluster, without a timeout.
  private static func routes(_ name: String, host: String, cluster: String) -> Routes {
    var route = Envoy_Config_Route_V3_Route()
    route.match.prefix = "/"
    route.route.cluster = cluster
    route.route.timeout = .seconds(0)
    var virtualHost = Envoy_Config_Route_V3_VirtualHost()
    virtualHost.name = host
    virtualHost.domains = ["*"]
    virtualHost.routes = [route]
    var routes = Routes()
    routes.name = name
    routes.validateClusters = Google_Protobuf_BoolValue(false)
    routes.virtualHosts = [virtualHost]
    return routes
  }

  static let connectionManagerName = "envoy.filters.network.http_connection_manager"
  static let tcpProxyName = "envoy.filters.network.tcp_proxy"

  static func tcpProxy(
    _ cluster: String, statistics: String
  ) -> Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy {
    var proxy = Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy()
    proxy.statPrefix = statistics
    proxy.cluster = cluster
    return proxy
  }

  static func chain(
    _ name: String, _ configuration: Google_Protobuf_Any
  ) -> Envoy_Config_Listener_V3_FilterChain {
    var filter = Envoy_Config_Listener_V3_Filter()
    filter.name = name
    filter.typedConfig = configuration
    var chain = Envoy_Config_Listener_V3_FilterChain()
    chain.filters = [filter]
    return chain
  }
}
