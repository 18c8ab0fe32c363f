import EnvoyAPI
import Foundation
import MeshModel
import MeshPolicy
import SwiftProtobuf

/// Makes what a proxy needs to take its application's connections, and the listeners for health checks and administration.
/// Source of names and values: Kuma 2.7.
struct CaptureTranslator {
  typealias Listener = Envoy_Config_Listener_V3_Listener
  typealias Route = Envoy_Config_Route_V3_Route

  private let proxy: ProxyConfiguration

  init(_ proxy: ProxyConfiguration) { self.proxy = proxy }

  /// The listeners and clusters.
  func resources() throws(TranslationError) -> (listeners: [EncodedResource], clusters: [EncodedResource]) {
    var listeners: [Listener] = []
    var clusters: [Envoy_Config_Cluster_V3_Cluster] = []
    if let capture = proxy.capture {
      for isIPv6 in capture.takesIPv6 ? [false, true] : [false] {
        listeners.append(try outboundPassthrough(capture, isIPv6: isIPv6))
        if capture.passesThrough {
          clusters.append(ClusterTranslator.originalDestination(EnvoyNames.outboundPassthrough(isIPv6: isIPv6)))
        }
        guard let port = isIPv6 ? capture.inboundPortV6 : capture.inboundPort else { continue }
        listeners.append(try inboundPassthrough(port, isIPv6: isIPv6))
        clusters.append(ClusterTranslator.inboundPassthrough(isIPv6: isIPv6))
      }
      if !capture.directPlaces.isEmpty {
        clusters.append(ClusterTranslator.originalDestination(EnvoyNames.directCluster))
      }
    }
    if let admin = proxy.admin {
      listeners.append(try administration(admin))
      clusters.append(ClusterTranslator.administration(port: admin.adminPort))
    }
    if let probes = proxy.probes { listeners.append(try probeListener(probes)) }
    return (
      try listeners.map { (listener) throws(TranslationError) in try listener.resource(named: listener.name) },
      try clusters.map { (cluster) throws(TranslationError) in try cluster.resource(named: cluster.name) }
    )
  }

  // MARK: Connections

  private func outboundPassthrough(_ capture: TrafficCapture, isIPv6: Bool) throws(TranslationError) -> Listener {
    let name = EnvoyNames.outboundPassthrough(isIPv6: isIPv6)
    var listener = try Self.forwarder(name, .outbound, capture.outboundPort, isIPv6: isIPv6)
    listener.clearEnableReusePort()
    return listener
  }

  private func inboundPassthrough(_ port: UInt16, isIPv6: Bool) throws(TranslationError) -> Listener {
    try Self.forwarder(EnvoyNames.inboundPassthrough(isIPv6: isIPv6), .inbound, port, isIPv6: isIPv6)
  }

  /// A listener to which rules lead connections. It hands each to the listener at the address to which it was made, and passes it on
  /// as TCP when there is none.
  private static func forwarder(
    _ name: String, _ direction: Envoy_Config_Core_V3_TrafficDirection, _ port: UInt16, isIPv6: Bool
  ) throws(TranslationError) -> Listener {
    var listener = ListenerTranslator.listener(name, direction, isIPv6 ? "::" : "0.0.0.0", port, isBound: true)
    listener.useOriginalDst = Google_Protobuf_BoolValue(true)
    listener.filterChains = [try passthroughChain(name, to: name)]
    return listener
  }

  /// A listener at the address of an endpoint, whose connections go on as TCP.
  static func directListener(_ place: SocketAddress) throws(TranslationError) -> EncodedResource {
    let name = EnvoyNames.directListener(place)
    var listener = ListenerTranslator.listener(name, .outbound, place.address, place.port, isBound: false)
    listener.filterChains = [try passthroughChain(name, to: EnvoyNames.directCluster)]
    return try listener.resource(named: name)
  }

  private static func passthroughChain(
    _ name: String, to cluster: String
  ) throws(TranslationError) -> Envoy_Config_Listener_V3_FilterChain {
    let filter = ListenerTranslator.tcpProxy(cluster, statistics: EnvoyNames.statistics(name))
    return ListenerTranslator.chain(ListenerTranslator.tcpProxyName, try filter.packed())
  }

  // MARK: Administration

  /// Anybody may ask whether the proxy is ready. Everything else needs a certificate.
  private func administration(_ admin: AdminListener) throws(TranslationError) -> Listener {
    let name = EnvoyNames.administration
    var listener = ListenerTranslator.listener(name, .inbound, admin.place.address, admin.place.port, isBound: true)
    var ready = Route()
    ready.match = Self.get("/ready")
    ready.route.cluster = name
    listener.filterChains = [try Self.routes("", host: name, [ready], statistics: name)]
    guard let access = admin.access else { return listener }
    var inspector = Envoy_Config_Listener_V3_ListenerFilter()
    inspector.name = "envoy.filters.listener.tls_inspector"
    inspector.typedConfig = try Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector().packed()
    listener.listenerFilters = [inspector]
    var all = Route()
    all.match.prefix = "/"
    all.route.cluster = name
    var secured = try Self.routes("", host: name, [all], statistics: name)
    secured.filterChainMatch.transportProtocol = "tls"
    secured.transportSocket.name = "envoy.transport_sockets.tls"
    secured.transportSocket.typedConfig = try Self.tls(access).packed()
    listener.filterChains.append(secured)
    return listener
  }

  private static func tls(_ access: AdminAccess) -> Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext {
    var certificate = Envoy_Extensions_TransportSockets_Tls_V3_TlsCertificate()
    certificate.certificateChain.inlineString = access.certificateChain
    certificate.privateKey.inlineString = access.privateKey
    var name = Envoy_Extensions_TransportSockets_Tls_V3_SubjectAltNameMatcher()
    name.sanType = .dns
    name.matcher.exact = AdminAccess.clientName
    var context = Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext()
    context.commonTlsContext.tlsCertificates = [certificate]
    context.commonTlsContext.validationContext.trustedCa.inlineString = access.clientAuthority
    context.commonTlsContext.validationContext.matchTypedSubjectAltNames = [name]
    context.requireClientCertificate = Google_Protobuf_BoolValue(true)
    return context
  }

  // MARK: Health checks

  private func probeListener(_ probes: ProbeListener) throws(TranslationError) -> Listener {
    var listener = ListenerTranslator.listener(
      EnvoyNames.probeListener, .inbound, probes.place.address, probes.place.port,
      isBound: proxy.capture?.inboundPort == nil)
    let routes = probes.probes.map { probe in
      var route = Route()
      route.match = Self.get(probe.path)
      if probe.hasInbound {
        route.route.cluster = EnvoyNames.localCluster(probe.port)
        route.route.prefixRewrite = probe.applicationPath
      } else {
        // No cluster leads there. A kubelet follows to another port of the same host.
        route.redirect.pathRedirect = probe.applicationPath
        route.redirect.portRedirect = UInt32(probe.port)
      }
      return route
    }
    listener.filterChains = [
      try Self.routes(EnvoyNames.probeRoutes, host: "probe", routes, statistics: EnvoyNames.probeListener)
    ]
    return listener
  }

  private static func get(_ path: String) -> Envoy_Config_Route_V3_RouteMatch {
    var method = Envoy_Config_Route_V3_HeaderMatcher()
    method.name = ":method"
    method.stringMatch.exact = "GET"
    var match = Envoy_Config_Route_V3_RouteMatch()
    match.path = path
    match.headers = [method]
    return match
  }

  private static func routes(
    _ name: String, host: String, _ routes: [Route], statistics: String
  ) throws(TranslationError) -> Envoy_Config_Listener_V3_FilterChain {
    var virtualHost = Envoy_Config_Route_V3_VirtualHost()
    virtualHost.name = host
    virtualHost.domains = ["*"]
    virtualHost.routes = routes
    var manager = try ListenerTranslator.plainConnectionManager(statistics: EnvoyNames.statistics(statistics))
    manager.routeConfig.name = name
    manager.routeConfig.validateClusters = Google_Protobuf_BoolValue(false)
    manager.routeConfig.virtualHosts = [virtualHost]
    return ListenerTranslator.chain(ListenerTranslator.connectionManagerName, try manager.packed())
  }
}
