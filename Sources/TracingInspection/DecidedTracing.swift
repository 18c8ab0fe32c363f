import MeshModel
import MeshPolicy
import MeshXDS
import TracingDiagnosis

/// What was decided of a proxy, as it is until its mesh changes.
struct DecidedTracing: Sendable {
  /// What was decided, without the connection.
  let explanation: ProxyExplanation
  /// When the Dataplane was created; `nil` where it is not known.
  let created: Timestamp?
  /// The services that the proxy offers, or in whose name it calls, sorted.
  let services: [String]
  /// The names of the explanation's listeners, in its order.
  let names: [ListenerNames]
  /// Where spans go; `nil` when nothing is traced.
  let tracing: TracingDestination?
  /// The other policies that match.
  let alternatives: [(policy: String, resolution: BackendResolution)]

  /// Reads what was decided; `nil` when there is no such proxy.
  init?(_ proxy: String, in index: MeshIndex) {
    guard let dataplane = index.dataplane(proxy), let configuration = index.configuration(for: proxy) else {
      return nil
    }
    explanation = index.explanation(of: configuration)
    created = index.creationTime(ofDataplane: proxy)
    services = (dataplane.tagValues[TagName.service] ?? []).sorted()
    names = ListenerNames.all(of: configuration)
    tracing = configuration.tracing
    let mesh = index.mesh ?? Mesh()
    alternatives = explanation.candidates.dropFirst().compactMap { candidate in
      index.policy(candidate.name).map { (candidate.name, BackendResolution($0, in: mesh)) }
    }
  }

  /// The sampling in force, in percent; `nil` where nothing is traced.
  var sampling: Double? { tracing.map { $0.sampling ?? 100 } }

  /// The listeners on one side, with their names.
  func listeners(
    _ direction: ProxyExplanation.Listener.Direction
  ) -> [(listener: ProxyExplanation.Listener, names: ListenerNames)] {
    zip(explanation.listeners, names).filter { $0.0.direction == direction }.map { ($0, $1) }
  }
}

/// What was decided of the proxies of a mesh.
struct DecidedMesh: Sendable {
  /// The state of the mesh of which it was read.
  private(set) var revision = -1
  private var known: [String: DecidedTracing] = [:]
  /// The names of all proxies, sorted.
  private(set) var proxies: [String] = []
  /// The policies by name, and to how many proxies each applies.
  private(set) var policies: [(name: String, proxies: Int)] = []
  /// The names of the backends.
  private(set) var backends: [String] = []

  /// Listeners of a proxy, at most, with which what was decided is remembered: a pod can have those of a whole mesh.
  private static let listenersAtMost = 64

  /// Reads what is needed of a mesh: nothing if it has not changed.
  mutating func update(_ index: MeshIndex) {
    guard index.revision != revision else { return }
    revision = index.revision
    known = [:]
    proxies = index.dataplaneNames.sorted()
    policies = index.policyNames.sorted().map { ($0, index.proxies(wonBy: $0).count) }
    backends = (index.mesh?.tracing?.backends ?? []).map(\.name)
  }

  /// What was decided of a proxy.
  mutating func tracing(of proxy: String, _ index: MeshIndex) -> DecidedTracing? {
    if let known = known[proxy] { return known }
    guard let decided = DecidedTracing(proxy, in: index) else { return nil }
    if decided.names.count <= Self.listenersAtMost { known[proxy] = decided }
    return decided
  }
}
