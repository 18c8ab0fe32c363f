/// The clusters of withdrawn collectors that proxies still need.
///
/// When a listener's tracing changes, its open connections stay until it has drained, and Envoy sends their spans to the
/// old cluster. Without that cluster the spans are lost. So the cluster stays until the listener is replaced
/// (see ``ReportingSequence``), while it drains, and then as long as spans may wait in the proxy. Seen with Envoy 1.40.
///
/// A value: the caller passes the time, as a duration since a fixed moment. Deadlines are rounded, so that they coincide.
public struct WithdrawnCollectors: Sendable {
  private struct Collector: Sendable {
    var cluster: EncodedResource
    /// The secrets that the cluster names.
    var secrets: [EncodedResource]
  }

  private struct Withdrawn: Sendable {
    var collector: Collector
    var end: Int64
  }

  private struct Proxy: Sendable {
    /// The proxy's present collectors.
    var current: [Collector] = []
    /// Its withdrawn collectors, the oldest first.
    var earlier: [Withdrawn] = []
  }

  private var proxies: [String: Proxy] = [:]
  /// The proxies that may hold a cluster until a time, in seconds.
  private var ends: [Int64: Set<String>] = [:]

  /// The maximum number of clusters kept for a proxy; the oldest are dropped first.
  public static let clustersPerProxy = 8

  /// How long spans may wait in a proxy.
  public static let flushInterval = ReportingMode.longestInterval

  /// How much longer a report may be tried whose form the control plane chooses.
  public static let retryTime = SpanReporting.longestRequestTimeout

  /// No withdrawn clusters.
  public init() {}

  /// The number of proxies with an entry.
  public var count: Int { proxies.values.count { !$0.earlier.isEmpty } }

  /// Adds a proxy's new snapshot.
  ///
  /// - Parameters:
  ///   - newest: the snapshot computed from its mesh.
  ///   - drainTime: how long the proxy's listeners drain.
  ///   - now: the time since a fixed moment.
  /// - Returns: the snapshot with the clusters that the proxy still needs; and the time of the next call of ``expire(at:)``,
  ///   if it is a new one.
  public mutating func add(
    to newest: ProxySnapshot, of proxy: String, drainTime: Duration, now: Duration
  ) -> (snapshot: ProxySnapshot, nextEnd: Duration?) {
    let secrets = newest[ResourceTypeURL.secret].resources
    let wanted = newest.clusters.resources.filter {
      EnvoyNames.isTracingCluster($0.name) && newest.endpoints[$0.name] == nil
    }.map { cluster in
      let prefix = EnvoyNames.secretPrefix(cluster.name)
      return Collector(cluster: cluster, secrets: secrets.filter { $0.name.hasPrefix(prefix) })
    }
    guard var known = proxies[proxy] else {
      if !wanted.isEmpty { proxies[proxy] = Proxy(current: wanted) }
      return (newest, nil)
    }
    let names = Set(wanted.map(\.cluster.name))
    // A name that is in use again has its new definition.
    known.earlier.removeAll { names.contains($0.collector.cluster.name) }
    var nextEnd: Duration?
    for collector in known.current where !names.contains(collector.cluster.name) {
      let isAutomatic = EnvoyNames.isAutomaticTracingCluster(collector.cluster.name)
      let wait = Self.flushInterval + (isAutomatic ? Self.retryTime : .zero)
      // Rounded up, so that proxies that change together expire together.
      let end = (now + ReportingSequence.longestWait + drainTime + wait).components.seconds + 1
      known.earlier.append(Withdrawn(collector: collector, end: end))
      if ends[end] == nil { nextEnd = .seconds(end) }
      ends[end, default: []].insert(proxy)
    }
    known.earlier.removeFirst(max(0, known.earlier.count - Self.clustersPerProxy))
    known.current = wanted
    proxies[proxy] = known.current.isEmpty && known.earlier.isEmpty ? nil : known
    return (Self.adding(known.earlier.map(\.collector), to: newest), nextEnd)
  }

  /// Removes clusters that are no longer needed.
  ///
  /// - Returns: the proxies whose snapshots have to be recomputed.
  public mutating func expire(at now: Duration) -> Set<String> {
    let due = ends.keys.filter { .seconds($0) <= now }
    var concerned: Set<String> = []
    for end in due {
      for proxy in ends.removeValue(forKey: end) ?? [] {
        guard var known = proxies[proxy] else { continue }
        let count = known.earlier.count
        known.earlier.removeAll { $0.end <= end }
        if known.earlier.count < count { concerned.insert(proxy) }
        proxies[proxy] = known.current.isEmpty && known.earlier.isEmpty ? nil : known
      }
    }
    return concerned
  }

  /// Removes a proxy that has disconnected. When it reconnects, it gets the current state of its mesh.
  public mutating func remove(_ proxy: String) {
    proxies[proxy] = nil
  }

  private static func adding(_ collectors: [Collector], to snapshot: ProxySnapshot) -> ProxySnapshot {
    guard !collectors.isEmpty else { return snapshot }
    var others = snapshot.others
    let secrets = ResourceSet(collectors.flatMap(\.secrets))
    if !secrets.isEmpty {
      others[ResourceTypeURL.secret] = snapshot[ResourceTypeURL.secret].adding(missingFrom: secrets)
    }
    return ProxySnapshot(
      clusters: snapshot.clusters.adding(missingFrom: ResourceSet(collectors.map(\.cluster))),
      endpoints: snapshot.endpoints, listeners: snapshot.listeners, others: others, reporting: snapshot.reporting)
  }
}
