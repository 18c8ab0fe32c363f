import MeshModel
import MeshPolicy

/// What is said of one proxy, with its name.
package struct ProxyFinding: Sendable, Hashable {
  /// The proxy's name.
  package var proxy: String
  /// What is said of it.
  package var verdict: Verdict

  /// Joins the two.
  package init(proxy: String, verdict: Verdict) {
    self.proxy = proxy
    self.verdict = verdict
  }
}

/// How requests get from one service to another, as the proxies of both say it.
package struct ServiceWay: Sendable, Hashable {
  /// The service that calls.
  package var caller: String
  /// The service that is called.
  package var service: String
  /// How many of the caller's proxies have an outbound for the service.
  package var proxiesWithOutbound: Int
  /// Why requests leave no spans at the caller's outbounds: a clause; `nil` where they can.
  package var obstacle: String?
  /// What to do about it.
  package var fix: String?
  /// Requests that the caller's outbounds counted towards the service in the last minute but its newest five seconds; `nil` where one of
  /// the proxies tells nothing.
  package var requestsOfCaller: Int?
  /// Requests that the inbounds of the service counted in the last minute; `nil` where one of the proxies tells nothing.
  package var requestsOfService: Int?
  /// Requests that the inbounds of the caller counted in the last minute; `nil` where one of the proxies tells nothing.
  package var requestsToCaller: Int?

  /// Makes a way.
  package init(
    caller: String, service: String, proxiesWithOutbound: Int, obstacle: String? = nil, fix: String? = nil,
    requestsOfCaller: Int? = nil, requestsOfService: Int? = nil, requestsToCaller: Int? = nil
  ) {
    self.caller = caller
    self.service = service
    self.proxiesWithOutbound = proxiesWithOutbound
    self.obstacle = obstacle
    self.fix = fix
    self.requestsOfCaller = requestsOfCaller
    self.requestsOfService = requestsOfService
    self.requestsToCaller = requestsToCaller
  }
}

/// Says why requests of a service leave no trace: the verdict of the proxy that is worst.
///
/// - Parameter proxies: what is said of all proxies of the service.
package func diagnose(service: String, _ proxies: [ProxyFinding]) -> Verdict {
  guard let worst = worst(proxies) else {
    return Verdict(
      .unknown, level: .fault, "No Dataplane of the mesh offers the service \"\(service.abridged())\".",
      evidence: [.init(.decided, "No inbound and no gateway has the tag kuma.io/service: \(service.abridged()).")],
      remedy: "Correct the name, or run a proxy for the service; one that was started with --dataplane-file takes its "
        + "Dataplane with it when it ends.")
  }
  let alike = proxies.filter { $0.verdict.cause == worst.verdict.cause }
  var verdict = worst.verdict
  let name = "\"\(service.abridged())\""
  if proxies.count > 1 {
    verdict.summary =
      alike.count == proxies.count
      ? "All \(proxies.count.grouped) proxies of \(name): \(verdict.summary)"
      : "\(alike.count.grouped) of \(proxies.count.grouped) proxies of \(name) "
        + "(\(PolicyWarnings.list(alike.map(\.proxy).sorted()))): \(verdict.summary)"
  }
  return verdict
}

/// Says why requests of one service to another leave no trace: the way between the two first, then the proxies of both.
///
/// - Parameters:
///   - callers: what is said of all proxies of the service that calls.
///   - called: what is said of all proxies of the service that is called.
package func diagnose(_ way: ServiceWay, callers: [ProxyFinding], called: [ProxyFinding]) -> Verdict {
  let (from, to) = ("\"\(way.caller.abridged())\"", "\"\(way.service.abridged())\"")
  guard !callers.isEmpty else { return diagnose(service: way.caller, callers) }
  guard !called.isEmpty else { return diagnose(service: way.service, called) }
  guard way.proxiesWithOutbound > 0 else {
    return Verdict(
      .noOutbound, "No proxy of \(from) has an outbound for \(to), so its requests do not go through its proxy.",
      evidence: [
        .init(.decided, "\(callers.count.of("Dataplane")) of \(from), none with networking.outbound for \(to).")
      ])
  }
  if let obstacle = way.obstacle {
    return Verdict(
      .notHTTP, "The outbounds of \(from) for \(to) do not see HTTP: \(obstacle).",
      evidence: [.init(.decided, obstacle.sentence)], remedy: way.fix?.sentence)
  }
  if let sent = way.requestsOfCaller, sent >= 3, way.requestsOfService == 0 {
    return Verdict(
      .pastTheProxy,
      "Requests of \(from) to \(to) do not go through the proxy of \(to): it has counted none of \(sent.grouped) in the last minute.",
      evidence: [
        .init(.envoy, "The outbounds of \(from) counted \(sent.of("request"))."),
        .init(.envoy, "The inbounds of \(to) counted none."),
      ])
  }
  let finding = worst(callers + called)
  if way.requestsOfCaller == 0, finding?.verdict.level == .fine || finding?.verdict.level == .waiting {
    let served = way.requestsToCaller ?? 0
    return Verdict(
      .noneExpected, level: .waiting,
      "No request of \(from) to \(to) has gone through the proxy of \(from) in the last minute"
        + (served > 0 ? ", in which \(from) itself was sent \(served.of("request"))." : "."),
      evidence: [.init(.envoy, "The outbounds of \(from) for \(to) counted no request.")],
      remedy: "Send one. If there are some, \(from) calls \(to) at another address than that of its outbound.")
  }
  let worst = finding.map(\.proxy)
  let isCaller = callers.contains { $0.proxy == worst }
  return isCaller ? diagnose(service: way.caller, callers) : diagnose(service: way.service, called)
}

/// The proxy that is worst: faults first, those that stand earlier in the table before others.
private func worst(_ proxies: [ProxyFinding]) -> ProxyFinding? {
  let order: [Verdict.Level] = [.fault, .unknown, .waiting, .fine]
  func rank(_ finding: ProxyFinding) -> (Int, Int, String) {
    (order.firstIndex(of: finding.verdict.level) ?? 0, finding.verdict.cause.number, finding.proxy)
  }
  return proxies.min { rank($0) < rank($1) }
}
