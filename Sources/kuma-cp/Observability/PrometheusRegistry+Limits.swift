import HTTPService
import MeshControl
import MeshStore
import MeshTransport
import PrometheusMetrics

/// The metrics of what clients can make grow: docs/servers.md lists them beside the bounds.
extension PrometheusRegistry {
  /// Registers the metrics of the store's bounds and of the host names that are looked up.
  func read(_ store: BoundedStore?, _ resolver: AddressResolver) {
    if let store {
      read("kuma_store_resources", .gauge, "Resources in the store, without DataplaneInsights.") {
        store.usage.resources
      }
      read("kuma_store_resources_limit", .gauge, "Limit of the resources in the store.") { store.limits.resources }
      read("kuma_store_bytes", .gauge, "Bytes of all resources in the store, as JSON.") { store.usage.bytes }
      read("kuma_store_bytes_limit", .gauge, "Limit of the bytes of all resources in the store.") { store.limits.bytes }
      read("kuma_store_full_total", .counter, "Writes refused because the store has as much as it may.") {
        store.usage.refusals
      }
    }
    read("kuma_host_names", .gauge, "Host names of proxies that are looked up or remembered.") { resolver.usage.names }
    read("kuma_host_names_limit", .gauge, "Limit of the host names that are looked up.") { resolver.usage.limit }
  }

  /// Registers the metrics of the limits of clients.
  func read(_ limits: ClientLimits) {
    read("kuma_http_rated_clients", .gauge, "Clients whose requests are counted for the limit of requests a second.") {
      limits.rates?.count ?? 0
    }
  }

  /// Registers the metrics of discovery streams that were refused.
  func readRefusedStreams(of server: DataplaneServer) {
    read("kuma_xds_streams_limit", .gauge, "Limit of open discovery streams.") { server.streamLimit }
    read("kuma_xds_refusals_total", .counter, "Discovery streams that were refused or ended, by status.") {
      server.refusedStreams.counts.map { .init($0.count, [("code", $0.label)]) }
    }
    read(
      "kuma_xds_overflowing_subscriptions_total", .counter,
      "Discovery streams that requested more names of a type than are kept."
    ) { server.refusedStreams.overflows }
  }
}
