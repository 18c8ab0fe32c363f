import MeshModel
import MeshPolicy
import OrderedCollections
import ProxyEvidence
import TracingDiagnosis

/// Whether the requests to a service leave traces: of everybody, or on the way from one service.
struct ServiceTracing {
  private let service: String
  private let caller: String?
  private let offering: [ProxyTracing]
  private let calling: [ProxyTracing]
  /// The outbounds for the service in the calling proxies.
  private let outbounds: [(proxy: String, listener: ProxyExplanation.Listener)]
  private let verdict: Verdict

  /// Looks at a service; `nil` when no proxy offers it, calls it, or is that of the caller.
  init?(of service: String, from caller: String?, in tracing: MeshTracing) {
    self.service = service
    self.caller = caller
    offering = tracing.proxies.filter { $0.services.contains(service) }
    let outbounds = tracing.proxies.flatMap { proxy in
      proxy.explanation.listeners.lazy.filter { $0.direction == .outbound && $0.service == service }
        .map { (proxy: proxy, listener: $0) }
    }
    if let caller {
      calling = tracing.proxies.filter { $0.services.contains(caller) }
      self.outbounds = outbounds.filter { $0.proxy.services.contains(caller) }
        .map { ($0.proxy.explanation.proxy.name, $0.listener) }
    } else {
      calling = []
      self.outbounds = []
    }
    guard !offering.isEmpty || !outbounds.isEmpty || !calling.isEmpty else { return nil }
    guard let caller else {
      verdict = diagnose(service: service, offering.map(\.finding))
      return
    }
    let blocked = self.outbounds.first { $0.listener.obstacle != nil }?.listener
    verdict = diagnose(
      ServiceWay(
        caller: caller, service: service, proxiesWithOutbound: Set(self.outbounds.map(\.proxy)).count,
        obstacle: blocked?.obstacle, fix: blocked?.fix,
        requestsOfCaller: Self.requests(of: calling, .outbound, service),
        requestsOfService: Self.requests(of: offering, .inbound, service),
        requestsToCaller: Self.requests(of: calling, .inbound, caller)),
      callers: calling.map(\.finding), called: offering.map(\.finding))
  }

  /// Requests of the last minute that are counted towards a service at one side; `nil` where one of the proxies tells nothing.
  private static func requests(
    of proxies: [ProxyTracing], _ direction: ProxyExplanation.Listener.Direction, _ service: String
  ) -> Int? {
    var sum = 0
    for proxy in proxies {
      guard let requests = proxy.requests(direction, service) else { return nil }
      sum = EvidenceLimits.sum(sum, requests)
    }
    return sum
  }

  /// What was looked at.
  private var looked: [String] {
    func count(_ proxies: [ProxyTracing]) -> String { proxies.count == 1 ? "1 proxy" : "\(proxies.count) proxies" }
    var looked = ["\(count(offering)) of \(service.quoted)"]
    guard let caller else { return looked }
    looked.append("\(count(calling)) of \(caller.quoted)")
    looked.append(
      "\(outbounds.count == 1 ? "1 outbound" : "\(outbounds.count) outbounds") for \(service.quoted) in them")
    return looked
  }

  /// What is said of the service, in document form.
  func document(mesh: String, now: Timestamp, page: String?) -> DocumentValue {
    var object: DocumentValue.Object = [
      "mesh": .string(mesh), "service": .string(service), "from": caller.map(DocumentValue.string) ?? .null,
      "fine": .bool(verdict.isFine && (offering + calling).allSatisfy { $0.diagnosis.verdict.isFine }),
      "verdict": verdict.document(page: page),
      "looked": .array(looked.map(DocumentValue.string)),
      "proxies": .array(offering.map { $0.item(now: now, page: page) }),
      "callers": .array(calling.map { $0.item(now: now, page: page) }),
    ]
    object["way"] = way
    return .object(object)
  }

  private var way: DocumentValue {
    guard let caller else { return .null }
    let protocols = OrderedSet(outbounds.map(\.listener.serviceProtocol.rawValue))
    func requests(_ proxies: [ProxyTracing], _ direction: ProxyExplanation.Listener.Direction) -> DocumentValue {
      Self.requests(of: proxies, direction, service).map { .integer(Int64($0)) } ?? .null
    }
    return [
      "from": .string(caller), "to": .string(service), "outbound": .bool(!outbounds.isEmpty),
      "protocol": protocols.isEmpty ? .null : .string(protocols.joined(separator: ", ")),
      "requestsOfCallers": requests(calling, .outbound), "requestsOfService": requests(offering, .inbound),
    ]
  }
}

extension ProxyTracing {
  fileprivate var finding: ProxyFinding { ProxyFinding(proxy: explanation.proxy.name, verdict: diagnosis.verdict) }

  /// Requests that are counted towards a service on one side; `nil` where the proxy tells nothing.
  fileprivate func requests(_ direction: ProxyExplanation.Listener.Direction, _ service: String) -> Int? {
    recentRequests?.filter { $0.direction == direction && $0.service == service }.reduce(0) {
      EvidenceLimits.sum($0, $1.count)
    }
  }
}
