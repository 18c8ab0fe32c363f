import MeshModel
import OrderedCollections

/// A row that shows a resource.
protocol ResourceRow: TableRow {
  /// The kind of resource.
  static var type: ResourceType { get }
  /// Makes the row from a resource.
  init(_ resource: Resource, now: Timestamp)
}

/// A mesh in a table.
struct MeshRow: ResourceRow {
  static let type = ResourceType.mesh
  static let headers = ["NAME", "mTLS", "METRICS", "LOGGING", "TRACING", "LOCALITY", "ZONEEGRESS", "AGE"]
  let cells: [String]

  init(_ resource: Resource, now: Timestamp) {
    let mesh = resource.content(Mesh.self) ?? Mesh()
    let sections = mesh.otherSections
    let tracing = (mesh.tracing?.backends ?? []).map { "\($0.type)/\($0.name)" }
    let routing = sections["routing"]
    cells = [
      resource.name, Self.enabled(sections["mtls"]), Self.enabled(sections["metrics"]),
      Self.list(Self.backends(sections["logging"]).map(\.label)), Self.list(tracing),
      Self.switched(routing?["localityAwareLoadBalancing"]), Self.switched(routing?["zoneEgress"]),
      Age.text(since: resource.modificationTime, now: now),
    ]
  }

  private static func backends(_ section: DocumentValue?) -> [(name: String, label: String)] {
    (section?["backends"]?.array ?? []).map { backend in
      let name = backend["name"]?.string ?? ""
      return (name, "\(backend["type"]?.string ?? "")/\(name)")
    }
  }

  private static func enabled(_ section: DocumentValue?) -> String {
    let name = section?["enabledBackend"]?.string
    return backends(section).first { $0.name == name }?.label ?? "off"
  }

  private static func list(_ labels: [String]) -> String {
    labels.isEmpty ? "off" : labels.joined(separator: ", ")
  }

  private static func switched(_ value: DocumentValue?) -> String { value == true ? "on" : "off" }
}

/// A policy in a table.
struct TrafficTraceRow: ResourceRow {
  static let type = ResourceType.trafficTrace
  static let headers = ["MESH", "NAME", "AGE"]
  let cells: [String]

  init(_ resource: Resource, now: Timestamp) {
    cells = [resource.mesh, resource.name, Age.text(since: resource.modificationTime, now: now)]
  }
}

/// A secret of a mesh in a table.
struct SecretRow: ResourceRow {
  static let type = ResourceType.secret
  static let headers = ["MESH", "NAME", "AGE"]
  let cells: [String]

  init(_ resource: Resource, now: Timestamp) {
    cells = [resource.mesh, resource.name, Age.text(since: resource.modificationTime, now: now)]
  }
}

/// A secret of the control plane in a table.
struct GlobalSecretRow: ResourceRow {
  static let type = ResourceType.globalSecret
  static let headers = ["NAME", "AGE"]
  let cells: [String]

  init(_ resource: Resource, now: Timestamp) {
    cells = [resource.name, Age.text(since: resource.modificationTime, now: now)]
  }
}

/// A proxy in a table.
struct DataplaneRow: ResourceRow {
  static let type = ResourceType.dataplane
  static let headers = ["MESH", "NAME", "TAGS", "ADDRESS", "AGE"]
  let cells: [String]

  init(_ resource: Resource, now: Timestamp) {
    let dataplane = resource.content(Dataplane.self)
    cells = [
      resource.mesh, resource.name, dataplane.map(Self.tags) ?? "", dataplane?.networking?.address ?? "",
      Age.text(since: resource.modificationTime, now: now),
    ]
  }

  /// The tags of all inbounds together: `name=value,value name=value`.
  static func tags(of dataplane: Dataplane) -> String {
    var values: [String: Set<String>] = [:]
    for inbound in dataplane.networking?.inbound ?? [] {
      for (name, value) in inbound.tags { values[name, default: []].insert(value) }
    }
    for (name, value) in dataplane.networking?.gateway?.tags ?? [:] { values[name, default: []].insert(value) }
    return values.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value.sorted().joined(separator: ","))" }.joined(separator: " ")
  }
}
