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
  /// What the callers' Envoys have counted, with the statistics of the cluster of the service that is called.
  private var callers: [Call: [(history: EvidenceHistory, cluster: String)]] = [:]
  /// Since when the oldest of the proxies of a service counts.
  private var begin: [String: Timestamp] = [:]
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

  /// A sum that stays far from the limits of numbers, whatever many proxies say.
  private static func sum(_ a: Int, _ b: Int) -> Int { min(a + b, EvidenceLimits.value) }

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
        before.flatMap { before in
          change.map { Self.sum(before, $0.listeners[names.statistics]?.requests ?? 0) }
        })
      if let fresh { begin[listener.service] = min(begin[listener.service] ?? fresh.epochBegin, fresh.epochBegin) }
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
      let call = Call(caller: caller, service: listener.service)
      requests[call] = Self.sum(requests[call] ?? 0, count)
      callers[call, default: []].append((fresh, key))
      sampling[caller] = .some(proxy.sampling)
    }
  }

  /// The calls to the services of a proxy.
  func calls(to services: [String], now: Timestamp) -> [DiagnosisInput.Calls] {
    requests.filter { services.contains($0.key.service) }
      .sorted { ($0.key.service, $0.key.caller) < ($1.key.service, $1.key.caller) }
      .map { call, requests in
        let counted = counted[call.service] ?? nil
        return DiagnosisInput.Calls(
          caller: call.caller, service: call.service,
          requests: counted == 0 ? min(requests, comparable(call, now: now)) : requests, counted: counted,
          sampling: sampling[call.caller] ?? nil)
      }
  }

  /// The requests of a call since a proxy of the service counts: proxies that are gone may have had those before.
  private func comparable(_ call: Call, now: Timestamp) -> Int {
    guard let begin = begin[call.service], let callers = callers[call] else { return 0 }
    let (seconds, _) = Self.open.components
    let since = Timestamp(nanosecondsSince1970: begin.nanosecondsSince1970 + seconds * 1_000_000_000)
    return callers.reduce(0) { sum, caller in
      let all = caller.history.change(since: since).services[caller.cluster]?.requests ?? 0
      let open = caller.history.change(over: Self.open, at: now).services[caller.cluster]?.requests ?? 0
      return Self.sum(sum, max(0, all - open))
    }
  }
}
