import HTTPService
import PrometheusMetrics

extension PrometheusRegistry {
  /// Registers the metrics of memory budgets.
  func read(_ budgets: [ByteBudget]) {
    func samples(_ value: @escaping @Sendable (ByteBudget) -> Int) -> @Sendable () -> [PrometheusText.Sample] {
      { budgets.map { PrometheusText.Sample(value($0), [("budget", $0.name)]) } }
    }
    read(
      "kuma_request_budget_bytes", .gauge, "Bytes of requests that have been received and not yet answered.",
      samples { $0.usage.bytes })
    read(
      "kuma_request_budget_peak_bytes", .gauge, "The most bytes of requests that were there at a time.",
      samples { $0.usage.peak })
    read(
      "kuma_request_budget_limit_bytes", .gauge, "The most bytes that may be there at a time.", samples { $0.limit })
    read(
      "kuma_request_budget_refusals_total", .counter, "Requests that were refused because there was no room for them.",
      samples { $0.usage.refusals })
  }

  /// Registers the metrics of servers: connections, refusals, and answered requests.
  func read(_ services: [RequestService]) {
    @Sendable func label(_ service: RequestService) -> (String, String) { ("server", service.counts.name) }
    read("kuma_http_connections", .gauge, "Connections that are open.") {
      services.map { PrometheusText.Sample($0.connections.count, [label($0)]) }
    }
    read("kuma_http_connections_limit", .gauge, "The most connections that may be open.") {
      services.map { PrometheusText.Sample($0.connections.limit, [label($0)]) }
    }
    read(
      "kuma_http_refusals_total", .counter, "Requests that were refused and connections that were ended, by the reason."
    ) {
      services.flatMap { service in
        ListenerCounts.Event.allCases.map { event in
          PrometheusText.Sample(service.counts[event], [label(service), ("reason", event.rawValue)])
        }
      }
    }
    read(
      "kuma_http_requests_total", .counter, "Requests that were answered, by the path that answered and the status."
    ) {
      services.flatMap { service in
        service.counts.requests.map { kind, count in
          PrometheusText.Sample(
            count, [label(service), ("operation", kind.operation), ("status", String(kind.status))])
        }
      }
    }
  }
}
