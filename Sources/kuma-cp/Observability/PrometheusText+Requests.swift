import HTTPService
import Synchronization

extension PrometheusText {
  /// Adds what requests hold in memory, of what they may.
  mutating func add(_ budgets: [ByteBudget]) {
    func samples(_ value: (ByteBudget) -> Int) -> [(labels: [(String, String)], value: Double)] {
      budgets.map { (labels: [("budget", $0.name)], value: Double(value($0))) }
    }
    add(
      "kuma_request_budget_bytes", .gauge, "Bytes of requests that have been received and not yet answered.",
      samples(\.usage.bytes))
    add(
      "kuma_request_budget_peak_bytes", .gauge, "The most bytes of requests that were there at a time.",
      samples(\.usage.peak))
    add("kuma_request_budget_limit_bytes", .gauge, "The most bytes that may be there at a time.", samples(\.limit))
    add(
      "kuma_request_budget_refusals_total", .counter, "Requests that were refused because there was no room for them.",
      samples(\.usage.refusals))
  }

  /// Adds the connections of servers, and what was refused and ended.
  mutating func add(_ services: [RequestService]) {
    add(
      "kuma_http_connections", .gauge, "Connections that are open.",
      services.map { (labels: [("server", $0.counts.name)], value: Double($0.connections.count)) })
    add(
      "kuma_http_connections_limit", .gauge, "The most connections that may be open.",
      services.map { (labels: [("server", $0.counts.name)], value: Double($0.connections.limit)) })
    add(
      "kuma_http_refusals_total", .counter,
      "Requests that were refused and connections that were ended, by the reason.",
      services.flatMap { service in
        ListenerCounts.Event.allCases.map { event in
          (
            labels: [("server", service.counts.name), ("reason", event.rawValue)],
            value: Double(service.counts[event])
          )
        }
      })
    add(
      "kuma_http_requests_total", .counter, "Requests that were answered, by the path that answered and the status.",
      services.flatMap { service in
        service.counts.requests.map { kind, count in
          (
            labels: [
              ("server", service.counts.name), ("operation", kind.operation), ("status", String(kind.status)),
            ],
            value: Double(count)
          )
        }
      })
  }
}

/// The metrics of servers that are made after those who show them.
final class ServerMetrics: Sendable {
  private let budgets: [ByteBudget]
  private let services = Mutex<[RequestService]>([])

  init(budgets: [ByteBudget]) { self.budgets = budgets }

  func set(_ made: [RequestService]) { services.withLock { $0 = made } }

  /// All of them, as Prometheus reads them.
  var text: String {
    var page = PrometheusText()
    page.add(budgets)
    page.add(services.withLock { $0 })
    return page.text
  }
}
