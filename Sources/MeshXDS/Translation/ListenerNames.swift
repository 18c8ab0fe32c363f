package import MeshPolicy

/// By what names Envoy counts the requests of a listener, and reports them.
package struct ListenerNames: Sendable, Hashable {
  /// The prefix of the listener's statistics: `localhost_8080`, `backend`.
  package var statistics: String
  /// The cluster to which it sends requests, as spans name it: `localhost:8080`, `backend`.
  package var cluster: String
  /// The name of the cluster in statistics.
  package var clusterStatistics: String { EnvoyNames.statistics(cluster) }

  /// The names of a proxy's listeners: of its inbounds, then of all of its outbounds.
  package static func all(of proxy: ProxyConfiguration) -> [ListenerNames] {
    let local = LocalClusters(proxy.inbounds)
    return proxy.inbounds.map { inbound in
      let cluster = local.name(for: inbound)
      return ListenerNames(statistics: EnvoyNames.statistics(cluster), cluster: cluster)
    }
      + proxy.allOutbounds.map { outbound in
        ListenerNames(
          statistics: EnvoyNames.statistics(outbound.destination.service),
          cluster: EnvoyNames.serviceCluster(outbound.destination))
      }
  }

  /// The name of a collector's cluster in statistics: `tracing_jaeger`.
  package static func collectorStatistics(_ tracing: TracingDestination) -> String {
    var isAutomatic = false
    if case .zipkin(_, let options) = tracing.receiver { isAutomatic = options.isAutomatic }
    return EnvoyNames.statistics(EnvoyNames.tracingCluster(tracing.backend, isAutomatic: isAutomatic))
  }
}
