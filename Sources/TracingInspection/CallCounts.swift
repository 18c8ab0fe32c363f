import MeshModel
import MeshPolicy
import MeshXDS
import ProxyEvidence
import TracingDiagnosis

/// What callers and called proxies have counted of the requests between services.
struct CallCounts {
  private struct Call: Hashable {
    var caller: String
    var service: String
  }

  private var requests: [Call: Int] = [:]
  /// What each proxy has counted, by its name; none where it tells nothing.
  private(set) var ofProxies:
    [String: [(direction: ProxyExplanation.Listener.Direction, service: String, count: Int)]] =
      [:]
  private var sampling: [String: Double?] = [:]
  /// What inbounds counted; `nil` where one of them tells nothing.
  private var counted: [String: Int?] = [:]

  /// The time over which requests are compared.
  private static let span = Duration.seconds(60)
  /// The newest part of it, whose counts may still be under way.
  private static let open = Duration.seconds(5)

  /// Adds what a proxy has counted.
  ///
  /// - Parameter evidence: `nil` if it tells nothing.
  mutating func add(_ proxy: DecidedTracing, _ evidence: EvidenceHistory?, now: Timestamp) {
    let fresh = evidence.flatMap { $0.isFresh(at: now) ? $0 : nil }
    let change = fresh?.change(over: Self.span, at: now)
    var prefixes: Set<String> = []
    for (listener, names) in proxy.listeners(.inbound) where prefixes.insert(names.statistics).inserted {
      let before = counted[listener.service] ?? .some(0)
      counted[listener.service] = .some(
        before.flatMap { before in change.map { before + ($0.listeners[names.statistics]?.requests ?? 0) } })
    }
    guard let fresh, let change else { return }
    let name = proxy.explanation.proxy.name
    prefixes = []
    ofProxies[name] = proxy.listeners(.inbound).compactMap { listener, names in
      guard prefixes.insert(names.statistics).inserted else { return nil }
      return (.inbound, listener.service, change.listeners[names.statistics]?.requests ?? 0)
    }
    guard !change.services.isEmpty, let caller = proxy.services.first else { return }
    let open = fresh.change(over: Self.open, at: now)
    var clusters: Set<String> = []
    for (listener, names) in proxy.listeners(.outbound) where clusters.insert(names.cluster).inserted {
      let key = names.clusterStatistics
      let count = (change.services[key]?.requests ?? 0) - (open.services[key]?.requests ?? 0)
      guard count > 0 else { continue }
      ofProxies[name]?.append((.outbound, listener.service, count))
      requests[Call(caller: caller, service: listener.service), default: 0] += count
      sampling[caller] = .some(proxy.sampling)
    }
  }

  /// The calls to the services of a proxy.
  func calls(to services: [String]) -> [DiagnosisInput.Calls] {
    requests.filter { services.contains($0.key.service) }
      .sorted { ($0.key.service, $0.key.caller) < ($1.key.service, $1.key.caller) }
      .map { call, requests in
        DiagnosisInput.Calls(
          caller: call.caller, service: call.service, requests: requests,
          counted: counted[call.service] ?? nil, sampling: sampling[call.caller] ?? nil)
      }
  }
}
