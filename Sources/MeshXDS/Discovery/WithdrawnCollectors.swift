/// The clusters of collectors that proxies are not to use any more, and still need.
///
/// A listener whose tracing changes keeps the connections that are open until it has drained, and what they carry is
/// reported to the cluster of before. Without it those spans are lost. So the cluster stays for as long as a listener
/// drains, and as long again as spans may wait in the proxy. Seen with Envoy 1.40.
///
/// A value: time is passed in, as a duration since any one moment. What is due at about the same time is due together.
public struct WithdrawnCollectors: Sendable {
  private struct Withdrawn: Sendable {
    var cluster: EncodedResource
    var end: Int64
  }

  private struct Proxy: Sendable {
    /// The collectors that the proxy was to use last.
    var current: [EncodedResource] = []
    /// Those that it was to use before, the oldest first.
    var earlier: [Withdrawn] = []
  }

  private var proxies: [String: Proxy] = [:]
  /// The proxies that may hold a cluster until a time, in seconds.
  private var ends: [Int64: Set<String>] = [:]

  /// How many clusters are kept for a proxy at most; the oldest go first.
  public static let clustersPerProxy = 8

  /// How long spans may wait in a proxy: Envoy's Zipkin tracer sends them every five seconds.
  public static let flushInterval = Duration.seconds(5)

  /// Nothing withdrawn from anybody.
  public init() {}

  /// For how many proxies anything is kept.
  public var count: Int { proxies.values.count { !$0.earlier.isEmpty } }

  /// Takes in what a proxy is to hold from now on.
  ///
  /// - Parameters:
  ///   - newest: what its mesh says.
  ///   - drainTime: how long the proxy's listeners drain.
  ///   - now: the time since any one moment.
  /// - Returns: what the proxy is to hold, with the clusters that it still needs; and a time at which ``expire(at:)`` has
  ///   to be called, if that is a new one.
  public mutating func add(
    to newest: ProxySnapshot, of proxy: String, drainTime: Duration, now: Duration
  ) -> (snapshot: ProxySnapshot, nextEnd: Duration?) {
    let wanted = newest.clusters.resources.filter {
      EnvoyNames.isTracingCluster($0.name) && newest.endpoints[$0.name] == nil
    }
    guard var known = proxies[proxy] else {
      if !wanted.isEmpty { proxies[proxy] = Proxy(current: wanted) }
      return (newest, nil)
    }
    let names = Set(wanted.map(\.name))
    // A name that is wanted again means what it means now.
    known.earlier.removeAll { names.contains($0.cluster.name) }
    // Rounded up, so that many proxies that change together are done with together.
    let end = (now + drainTime + Self.flushInterval).components.seconds + 1
    var nextEnd: Duration?
    for cluster in known.current where !names.contains(cluster.name) {
      known.earlier.append(Withdrawn(cluster: cluster, end: end))
      if ends[end] == nil { nextEnd = .seconds(end) }
      ends[end, default: []].insert(proxy)
    }
    known.earlier.removeFirst(max(0, known.earlier.count - Self.clustersPerProxy))
    known.current = wanted
    proxies[proxy] = known.current.isEmpty && known.earlier.isEmpty ? nil : known
    return (newest.adding(clusters: known.earlier.map(\.cluster)), nextEnd)
  }

  /// Lets go what is not needed any more.
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
}

extension ProxySnapshot {
  /// The same with further clusters.
  fileprivate func adding(clusters extra: [EncodedResource]) -> ProxySnapshot {
    guard !extra.isEmpty else { return self }
    return ProxySnapshot(
      clusters: clusters.adding(missingFrom: ResourceSet(extra)), endpoints: endpoints, listeners: listeners,
      others: others)
  }
}
