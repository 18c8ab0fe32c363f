package import MeshModel

/// What some tracing backends need of an Envoy, and not every Envoy has.
package enum EnvoyFeature: Sendable, Hashable, CaseIterable {
  /// It adds fields to the heads of reports.
  case reportHeaders
  /// It reads `traceparent` where B3 is missing, and writes both.
  case w3cTraceContext

  /// The first version that has it, as the second number of a version 1.
  /// Source: tests with Envoy 1.36 to 1.40, and Envoy's documentation of ZipkinConfig in 1.36.
  package var firstMinor: Int {
    switch self {
    case .reportHeaders, .w3cTraceContext: 36
    }
  }

  /// What an Envoy has by its version. An earlier one may refuse a configuration that uses the others, and one that does not say its
  /// version may be such a one.
  ///
  /// - Parameter version: what the proxy says; any text.
  package static func supported(by version: String) -> Set<EnvoyFeature> {
    let parts = version.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "1", let minor = Int(parts[1]) else { return [] }
    return Set(allCases.filter { minor >= $0.firstMinor })
  }

  /// What an Envoy does instead of what a backend asks for, in sentences; `nil` where it has everything.
  ///
  /// - Parameter version: what the proxy says; empty when it says nothing.
  package static func shortfall(of version: String, for backend: TracingBackend) -> String? {
    let supported = supported(by: version)
    let missing = allCases.filter { backend.neededFeatures.contains($0) && !supported.contains($0) }
    guard let first = missing.map(\.firstMinor).max() else { return nil }
    let envoy =
      version.isEmpty
      ? "The proxy does not say the version of its Envoy, so it" : "Envoy \(version.printable(atMost: 40))"
    let what = missing.map { $0.shortfall(backend.name) }.joined(separator: ", and ")
    return "\(envoy) \(what); Envoy 1.\(first) and later can."
  }

  /// What an Envoy without it cannot do, for a log line: `cannot …`.
  package var obstacle: String {
    switch self {
    case .reportHeaders: "cannot send the headers that its collector needs"
    case .w3cTraceContext: "cannot read and write traceparent, as its tracing backend asks, and has B3 alone"
    }
  }

  /// What an Envoy without it does for a backend.
  private func shortfall(_ backend: String) -> String {
    let name = backend.abridged().quoted
    switch self {
    case .reportHeaders: return "sends reports without the conf.headers of the tracing backend \(name)"
    case .w3cTraceContext:
      return
        "reads and writes the headers of B3 alone, although the tracing backend \(name) has the conf.traceContextOption "
        + ZipkinConf.w3cTraceContext
    }
  }
}

extension TracingBackend {
  /// What the backend needs of the Envoys that send spans to it.
  package var neededFeatures: Set<EnvoyFeature> {
    guard kind == .zipkin, let conf = try? zipkin() else { return [] }
    var features: Set<EnvoyFeature> = []
    if !conf.headers.isEmpty { features.insert(.reportHeaders) }
    if conf.usesW3CTraceContext { features.insert(.w3cTraceContext) }
    return features
  }
}

extension ProxyConfiguration {
  /// What the configuration needs of the proxy's Envoy.
  package var neededFeatures: Set<EnvoyFeature> {
    var features: Set<EnvoyFeature> = []
    if collectorAccess?.headers.isEmpty == false { features.insert(.reportHeaders) }
    if case .zipkin(_, let options)? = tracing?.receiver, options.usesW3CTraceContext {
      features.insert(.w3cTraceContext)
    }
    return features
  }

  /// Leaves out what uses features that the proxy's Envoy does not have.
  package mutating func omit(_ features: Set<EnvoyFeature>) {
    if features.contains(.reportHeaders) { collectorAccess?.headers = [] }
    if features.contains(.w3cTraceContext), case .zipkin(let url, var options)? = tracing?.receiver {
      options.usesW3CTraceContext = false
      tracing?.receiver = .zipkin(url, options)
    }
  }
}

extension PolicyWarnings {
  /// The warning that a proxy's Envoy does not do all that its backend asks for.
  ///
  /// - Parameter backend: the backend of the proxy's policy.
  package static func features(of proxy: String, _ insight: DataplaneInsight?, for backend: TracingBackend?) -> [String]
  {
    guard let insight, insight.isOnline, let backend,
      let shortfall = EnvoyFeature.shortfall(of: insight.current?.version?.envoy ?? "", for: backend)
    else { return [] }
    return ["Data plane proxy \"\(proxy)\": \(shortfall)"]
  }

  /// The warning that some of a mesh's connected proxies have an Envoy that does not do all that their backends ask for.
  ///
  /// - Parameters:
  ///   - proxies: the names and what is known of the proxies.
  ///   - backend: the backend of a proxy's policy.
  package static func features(
    _ proxies: [(name: String, insight: DataplaneInsight)], mesh: String, backend: (String) -> TracingBackend?
  ) -> [String] {
    var names: [String: [String]] = [:]
    for (name, insight) in proxies where insight.isOnline {
      let version = insight.current?.version?.envoy ?? ""
      // Nearly every Envoy has all of them, which is found out without a look at the policies.
      guard EnvoyFeature.supported(by: version).count < EnvoyFeature.allCases.count, let backend = backend(name),
        let shortfall = EnvoyFeature.shortfall(of: version, for: backend)
      else { continue }
      names[shortfall, default: []].append(name)
    }
    return few(names.sorted { $0.key < $1.key }) { shortfall, names in
      let subject = names.count == 1 ? "a data plane proxy" : "\(names.count) data plane proxies"
      return
        "Mesh \"\(mesh)\" has \(subject) with an Envoy that is too old for a tracing backend (\(list(names.sorted()))). \(shortfall)"
    } rest: { others in
      "So do \(others.reduce(0) { $0 + $1.value.count }) data plane proxies with other versions or backends."
    }
  }
}
