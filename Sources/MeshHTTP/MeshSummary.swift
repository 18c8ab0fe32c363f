import MeshModel
import OrderedCollections

/// The proxies and services of one mesh, counted from its resources.
struct MeshSummary: Sendable {
  /// A service and the proxies that offer it.
  struct Service: Sendable {
    var counts = ProxyCounts()
    var isGateway = false
    var creationTime: Timestamp?
    var modificationTime: Timestamp?

    /// The status of the service as a whole.
    var status: String {
      if counts.online == counts.total { return "online" }
      return counts.online + counts.partiallyDegraded == 0 ? "offline" : "partially_degraded"
    }
  }

  let mesh: Resource
  private(set) var sidecars = ProxyCounts()
  private(set) var delegatedGateways = ProxyCounts()
  private(set) var builtinGateways = ProxyCounts()
  private(set) var services: [String: Service] = [:]
  private var kumaDpVersions: [String: ProxyCounts] = [:]
  private var envoyVersions: [String: ProxyCounts] = [:]
  private let policyCount: Int

  init(mesh: Resource, proxies: [Resource], insights: [ResourceKey: DataplaneInsight], policyCount: Int) {
    self.mesh = mesh
    self.policyCount = policyCount
    for proxy in proxies {
      if let dataplane = proxy.content(Dataplane.self) { add(proxy, dataplane, insights[proxy.insightKey]) }
    }
  }

  private mutating func add(_ proxy: Resource, _ dataplane: Dataplane, _ insight: DataplaneInsight?) {
    let status = ProxyStatus(dataplane, insight: insight)
    let gateway = dataplane.networking?.gateway
    switch gateway?.isBuiltin {
    case nil: sidecars.add(status)
    case false?: delegatedGateways.add(status)
    case true?: builtinGateways.add(status)
    }
    let version = insight?.current?.version
    kumaDpVersions[Self.known(version?.kumaDp), default: ProxyCounts()].add(status)
    envoyVersions[Self.known(version?.envoy), default: ProxyCounts()].add(status)
    for name in dataplane.tagValues[TagName.service] ?? [] {
      var service = services[name] ?? Service()
      service.counts.add(status)
      service.isGateway = service.isGateway || gateway != nil
      service.creationTime = [service.creationTime, proxy.creationTime].compactMap { $0 }.min()
      service.modificationTime = [service.modificationTime, proxy.modificationTime].compactMap { $0 }.max()
      services[name] = service
    }
  }

  private static func known(_ version: String?) -> String {
    guard let version, !version.isEmpty else { return "unknown" }
    return version
  }

  /// All proxies.
  var proxies: ProxyCounts {
    [sidecars, delegatedGateways, builtinGateways].reduce(into: ProxyCounts()) { $0.add($1) }
  }

  /// The mesh's insight.
  var document: DocumentValue {
    var object = mesh.metaDocument
    object["type"] = "MeshInsight"
    object["labels"] = nil
    object["dataplanes"] = proxies.document
    object["dataplanesByType"] = [
      "standard": sidecars.document, "gatewayBuiltin": builtinGateways.document,
      "gatewayDelegated": delegatedGateways.document,
    ]
    object["policies"] = policyCount > 0 ? ["TrafficTrace": ["total": .integer(Int64(policyCount))]] : [:]
    object["dpVersions"] = ["kumaDp": Self.document(kumaDpVersions), "envoy": Self.document(envoyVersions)]
    object["services"] =
      services.isEmpty
      ? [:] : ["total": .integer(Int64(services.count)), "internal": .integer(Int64(services.count))]
    return .object(object)
  }

  private static func document(_ versions: [String: ProxyCounts]) -> DocumentValue {
    .object(
      DocumentValue.Object(
        uniqueKeysWithValues: versions.sorted { $0.key < $1.key }.map { ($0.key, $0.value.document) }))
  }

  /// The insight of a service.
  func document(ofService name: String, _ service: Service) -> DocumentValue {
    var object: DocumentValue.Object = [
      "type": "ServiceInsight", "mesh": .string(mesh.name), "name": .string(name),
    ]
    if let time = service.creationTime { object["creationTime"] = .string(time.description) }
    if let time = service.modificationTime { object["modificationTime"] = .string(time.description) }
    object["serviceType"] = service.isGateway ? "gateway_delegated" : "internal"
    object["status"] = .string(service.status)
    object["dataplanes"] = service.counts.document
    return .object(object)
  }
}
