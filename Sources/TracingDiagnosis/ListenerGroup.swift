import MeshPolicy
import ProxyEvidence

/// The listeners of a proxy that Envoy counts together: those with one prefix of statistics, such as a service's at several addresses.
struct ListenerGroup: Sendable, Hashable {
  /// The prefix of the statistics.
  var statistics: String
  /// The clusters that their spans name.
  var clusters: Set<String>
  /// The first of them.
  var listener: ProxyExplanation.Listener

  /// The groups of a proxy's listeners, in the order of the first of each.
  static func all(of input: DiagnosisInput) -> [ListenerGroup] {
    var groups: [ListenerGroup] = []
    var positions: [String: Int] = [:]
    for (listener, names) in zip(input.explanation.listeners, input.listeners) {
      if let position = positions[names.statistics] {
        groups[position].clusters.formUnion(names.clusters)
        continue
      }
      positions[names.statistics] = groups.count
      groups.append(ListenerGroup(statistics: names.statistics, clusters: names.clusters, listener: listener))
    }
    return groups
  }

  /// Whether its requests can leave spans.
  var isTraced: Bool { listener.obstacle == nil }

  /// The address: `127.0.0.1:10001`.
  var place: String {
    listener.address.contains(":") ? "[\(listener.address)]:\(listener.port)" : "\(listener.address):\(listener.port)"
  }

  /// Stored spans of it, of all that the proxy reported.
  func stored(of received: ReceivedSpans) -> Int {
    clusters.reduce(0) { $0 &+ (received.stored[.init(listener.direction, $1)] ?? 0) }
  }
}

/// What traced listeners have counted together.
struct TrafficCounts: Sendable, Hashable {
  var requests = 0
  var active = 0
  var resets = 0
  var decided = 0
  var notTraceable = 0
  var healthChecks = 0

  /// Requests that have ended and of which Envoy has decided whether they are traced.
  var judged: Int { decided &+ notTraceable &+ healthChecks }

  /// Nothing counted.
  init() {}

  /// What some listeners have counted.
  init(_ evidence: EnvoyEvidence, _ groups: [ListenerGroup]) {
    for group in groups { add(evidence.listeners[group.statistics]) }
  }

  mutating func add(_ counts: ListenerCounts?) {
    guard let counts else { return }
    requests &+= counts.requests
    active &+= counts.active
    resets &+= counts.resets
    decided &+= counts.decided
    notTraceable &+= counts.notTraceable
    healthChecks &+= counts.healthChecks
  }
}

extension TracerCounts {
  /// Reports that are lost. Zipkin's tracer counts what fails as dropped; Datadog's counts the two apart.
  var lost: Int {
    (kind == .datadog ? reportsDropped &+ reportsFailed : max(reportsDropped, reportsFailed)) &+ reportsSkipped
  }
}

extension CollectorCounts {
  /// Adds what was counted in another part of the past. Numbers of the moment are left as they are.
  mutating func add(_ other: CollectorCounts) {
    connections &+= other.connections
    connectFailures &+= other.connectFailures
    connectTimeouts &+= other.connectTimeouts
    requests &+= other.requests
    unsent &+= other.unsent
    noneHealthy &+= other.noneHealthy
    for (status, count) in other.answers { answers[status, default: 0] &+= count }
    requestTimeouts &+= other.requestTimeouts
    resets &+= other.resets
    overflows &+= other.overflows
    retries &+= other.retries
    lookups &+= other.lookups
    lookupFailures &+= other.lookupFailures
    lookupsEmpty &+= other.lookupsEmpty
    tlsErrors &+= other.tlsErrors
    tlsRefusals &+= other.tlsRefusals
  }
}
