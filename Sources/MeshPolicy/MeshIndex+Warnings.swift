import MeshModel

/// Warnings about proxies that leave no spans although a policy applies to them.
extension MeshIndex {
  /// Warnings about the proxies to which a policy applies and about the services that they call.
  public func warnings(aboutPolicy policy: String) -> [String] {
    let users = proxies(wonBy: policy)
    let silent = users.filter { !hasHTTPListener($0) }
    let services = downgraded.filter { hasCaller($0, where: users.contains) }
    return self.warnings(aboutSilent: silent, policy: policy) + warnings(aboutDowngraded: services)
  }

  /// Warnings about a proxy, about the services that it calls, and about those that it offers to proxies that are traced.
  /// There are none where no policy applies.
  public func warnings(aboutProxy proxy: String) -> [String] {
    var services = Set((dataplane(proxy)?.tagSets ?? []).compactMap { $0[TagName.service] })
      .filter { hasCaller($0) { winner(for: $0) != nil } }
    var warnings: [String] = []
    if let winner = winner(for: proxy) {
      services.formUnion(downgraded.filter { calls(proxy, $0) })
      if !hasHTTPListener(proxy) { warnings = self.warnings(aboutSilent: [proxy], policy: winner.name) }
    }
    return warnings + self.warnings(aboutDowngraded: services.intersection(downgraded))
  }

  private func warnings(aboutSilent proxies: Set<String>, policy: String) -> [String] {
    let gateways = proxies.filter { dataplane($0)?.networking?.gateway != nil }
    let others = proxies.subtracting(gateways)
    let pods = others.filter { dataplane($0)?.tagValues["k8s.kuma.io/service-name"] != nil }
    return PolicyWarnings.withoutHTTP(others.subtracting(pods).sorted(), policy: policy)
      + PolicyWarnings.withoutHTTP(
        pods.sorted(), policy: policy, fix: ProtocolFix.ofPods)
      + PolicyWarnings.withoutHTTP(gateways: gateways.sorted(), policy: policy)
  }

  private func warnings(aboutDowngraded services: Set<String>) -> [String] {
    PolicyWarnings.few(services.sorted()) { service in
      PolicyWarnings.downgrade(of: service, contributions: contributions[service] ?? [:])
    } rest: { others in
      "The same holds for \(others.count == 1 ? "the service" : "the services") \(PolicyWarnings.list(others))."
    }
  }
}

extension PolicyWarnings {
  /// The warning that a policy applies to proxies that see no HTTP.
  ///
  /// - Parameters:
  ///   - proxies: the names of the proxies.
  ///   - fix: what to do about it.
  static func withoutHTTP(
    _ proxies: [String], policy: String, fix: String = "set the tag \(TagName.protocol) to http, http2 or grpc"
  ) -> [String] {
    guard !proxies.isEmpty else { return [] }
    let subject = proxies.count == 1 ? "a data plane proxy" : "\(proxies.count) data plane proxies"
    let verb = proxies.count == 1 ? "has" : "have"
    return [
      "TrafficTrace \"\(policy)\" applies to \(subject) that \(verb) no HTTP listener and will leave no spans: "
        + "\(list(proxies)). \(fix.prefix(1).uppercased())\(fix.dropFirst())."
    ]
  }

  /// The same warning for gateways, whose own protocol tag can only be tcp.
  ///
  /// - Parameter proxies: the names of the proxies.
  static func withoutHTTP(gateways proxies: [String], policy: String) -> [String] {
    guard !proxies.isEmpty else { return [] }
    let isOne = proxies.count == 1
    return [
      "TrafficTrace \"\(policy)\" applies to \(isOne ? "a gateway" : "\(proxies.count) gateways") that "
        + "\(isOne ? "calls" : "call") no service over HTTP and will leave no spans: \(list(proxies)). List the services in "
        + "networking.outbound, and set the tag \(TagName.protocol) to http, http2 or grpc in the Dataplanes of those "
        + "services; a gateway's own tag cannot be."
    ]
  }

  /// The warning that a service is handled as TCP although some of its proxies speak HTTP.
  ///
  /// The warning assumes that the protocol of the majority is the intended one.
  ///
  /// - Parameter contributions: the service's endpoints by proxy.
  static func downgrade(of service: String, contributions: [String: [ServiceEndpoints.Endpoint]]) -> String {
    var counts: [ServiceProtocol: Int] = [:]
    for endpoint in contributions.values.joined() {
      let spoken = ServiceProtocol(tag: endpoint.tags[TagName.protocol])
      if spoken.isHTTP { counts[spoken, default: 0] += 1 }
    }
    let meant = counts.max { ($0.value, $1.key.rawValue) < ($1.value, $0.key.rawValue) }?.key ?? .http
    let others = contributions.sorted { $0.key < $1.key }.compactMap { proxy, endpoints in
      endpoints.lazy.map { $0.tags[TagName.protocol] }.first { !ServiceProtocol(tag: $0).common(with: meant).isHTTP }
        .map { (proxy: proxy, tag: $0) }
    }
    let reasons = join(others) { proxy, tag in
      guard let tag else { return "data plane proxy \"\(proxy)\" has no tag \(TagName.protocol)" }
      return "data plane proxy \"\(proxy)\" has \(TagName.protocol) \"\(tag.abridged())\""
    }
    return
      "Service \"\(service)\" is handled as TCP, and requests to it will leave no spans at its callers: \(reasons), "
      + "while others speak \(meant.rawValue)."
  }
}
