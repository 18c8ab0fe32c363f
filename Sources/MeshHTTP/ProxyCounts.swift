import MeshModel
import OrderedCollections

/// Whether a proxy is connected and ready. Source: Kuma 2.7.
enum ProxyStatus: Sendable, Hashable {
  /// Connected, and all its applications are ready.
  case online
  /// Connected, but some of its applications are not ready.
  case partiallyDegraded
  /// Not connected, or none of its applications is ready.
  case offline

  /// The status of a proxy. A gateway has no applications that could be unready.
  init(_ dataplane: Dataplane, insight: DataplaneInsight?) {
    let inbounds = dataplane.networking?.inbound ?? []
    let unready = inbounds.count { !$0.isHealthy }
    let isGateway = dataplane.networking?.gateway != nil
    if insight?.isOnline != true || (!isGateway && unready == inbounds.count) {
      self = .offline
    } else {
      self = unready == 0 || isGateway ? .online : .partiallyDegraded
    }
  }
}

/// Numbers of proxies by status.
struct ProxyCounts: Sendable, Hashable {
  var total = 0
  var online = 0
  var partiallyDegraded = 0
  var offline = 0

  mutating func add(_ status: ProxyStatus) {
    total += 1
    switch status {
    case .online: online += 1
    case .partiallyDegraded: partiallyDegraded += 1
    case .offline: offline += 1
    }
  }

  mutating func add(_ other: ProxyCounts) {
    total += other.total
    online += other.online
    partiallyDegraded += other.partiallyDegraded
    offline += other.offline
  }

  /// The numbers, without zeros.
  var document: DocumentValue {
    var object: DocumentValue.Object = [:]
    let fields = [
      ("total", total), ("online", online), ("partiallyDegraded", partiallyDegraded), ("offline", offline),
    ]
    for (name, count) in fields where count > 0 { object[name] = .integer(Int64(count)) }
    return .object(object)
  }

  /// The numbers, with zeros.
  var fullDocument: DocumentValue {
    [
      "online": .integer(Int64(online)), "offline": .integer(Int64(offline)),
      "partiallyDegraded": .integer(Int64(partiallyDegraded)), "total": .integer(Int64(total)),
    ]
  }
}
