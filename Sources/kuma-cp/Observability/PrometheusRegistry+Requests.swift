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
      "kuma_request_budget_peak_bytes", .gauge, "Largest number of bytes held at a time.",
      samples { $0.usage.peak })
    read(
      "kuma_request_budget_limit_bytes", .gauge, "Limit of the bytes held at a time.", samples { $0.limit })
    read(
      "kuma_request_budget_refusals_total", .counter, "Requests refused because a memory budget was exhausted.",
      samples { $0.usage.refusals })
  }

  /// Registers the metric of connections and streams of HTTP/2, of all servers together.
  func read(_ frames: [FrameCounts]) {
    read(
      "kuma_http2_refusals_total", .counter, "Connections that were ended and streams that were refused, by reason."
    ) {
      FrameRefusal.allCases.map { reason in
        PrometheusText.Sample(frames.reduce(0) { $0 + $1[reason] }, [("reason", reason.rawValue)])
      }
    }
  }

  /// Registers the metrics of servers: connections, refusals, and answered requests.
  func read(_ services: [RequestService]) {
    @Sendable func label(_ service: RequestService) -> (String, String) { ("server", service.counts.name) }
    read("kuma_http_connections", .gauge, "Connections that are open.") {
      services.map { PrometheusText.Sample($0.connections.count, [label($0)]) }
    }
    read("kuma_http_connections_limit", .gauge, "Limit of open connections.") {
      services.map { PrometheusText.Sample($0.connections.limit, [label($0)]) }
    }
    read("kuma_http_address_connections_peak", .gauge, "Most connections that one address had, this machine excepted.")
    {
      services.map { PrometheusText.Sample($0.connections.addressPeak, [label($0)]) }
    }
    read("kuma_http_address_connections_limit", .gauge, "Limit of the connections of one address.") {
      services.map { PrometheusText.Sample($0.connections.addressLimit, [label($0)]) }
    }
    read(
      "kuma_http_refusals_total", .counter, "Refused requests and closed connections, by reason."
    ) {
      services.flatMap { service in
        ListenerCounts.Event.allCases.map { event in
          PrometheusText.Sample(service.counts[event], [label(service), ("reason", event.rawValue)])
        }
      }
    }
    read(
      "kuma_http_requests_total", .counter, "Answered requests, by path and status."
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
