public import OrderedCollections

/// What the control plane knows of a running proxy: its connections and what it answered to configuration.
public struct DataplaneInsight: Sendable, Hashable {
  /// The connections, oldest first. The last one may have ended while an older one lasts: see ``current``.
  public var subscriptions: [Subscription]

  /// Makes an insight.
  public init(subscriptions: [Subscription] = []) { self.subscriptions = subscriptions }

  /// How many connections are remembered.
  public static let subscriptionLimit = 10

  /// One connection of a proxy to a control plane.
  public struct Subscription: Sendable, Hashable {
    /// Identifies the connection.
    public var id: String
    /// The control plane that served it.
    public var controlPlaneInstanceId: String
    /// When it began.
    public var connectTime: Timestamp
    /// When it ended; `nil` while it lasts.
    public var disconnectTime: Timestamp?
    /// What was sent and answered.
    public var status: Status
    /// What runs there.
    public var version: ProxyVersion?
    /// Who is at the other end; `nil` where it was not written down.
    public var peer: Peer?

    /// Makes a connection.
    public init(
      id: String, controlPlaneInstanceId: String, connectTime: Timestamp, disconnectTime: Timestamp? = nil,
      status: Status = Status(), version: ProxyVersion? = nil, peer: Peer? = nil
    ) {
      self.id = id
      self.controlPlaneInstanceId = controlPlaneInstanceId
      self.connectTime = connectTime
      self.disconnectTime = disconnectTime
      self.status = status
      self.version = version
      self.peer = peer
    }
  }

  /// Who is at the other end of a connection.
  public struct Peer: Sendable, Hashable {
    /// The address and port from which it is connected, such as `10.0.0.7:41234`.
    public var address: String
    /// Stands for the process: two connections with different texts are those of different processes.
    public var process: String

    /// Makes a peer.
    public init(address: String, process: String) {
      self.address = address
      self.process = process
    }
  }

  /// The kinds of configuration, in the order in which they are shown.
  public enum Discovery: String, Sendable, CaseIterable {
    /// Clusters.
    case cds
    /// Endpoints.
    case eds
    /// Listeners.
    case lds
    /// Routes.
    case rds
  }

  /// What was sent to a proxy and how it answered.
  public struct Status: Sendable, Hashable {
    /// When the status last changed.
    public var lastUpdateTime: Timestamp?
    /// Counts by kind of configuration.
    public var counts: [Discovery: Counts]
    /// When the proxy last accepted a response; `nil` when it has not or it is not known.
    public var lastAcknowledgementTime: Timestamp?
    /// The most recent rejection that no acceptance of the same kind has followed.
    public var lastRejection: Rejection?

    /// Makes a status.
    public init(
      lastUpdateTime: Timestamp? = nil, counts: [Discovery: Counts] = [:], lastAcknowledgementTime: Timestamp? = nil,
      lastRejection: Rejection? = nil
    ) {
      self.lastUpdateTime = lastUpdateTime
      self.counts = counts
      self.lastAcknowledgementTime = lastAcknowledgementTime
      self.lastRejection = lastRejection
    }

    /// The sum over all kinds.
    public var total: Counts {
      counts.values.reduce(into: Counts()) { sum, counts in
        sum.responsesSent &+= counts.responsesSent
        sum.responsesAcknowledged &+= counts.responsesAcknowledged
        sum.responsesRejected &+= counts.responsesRejected
      }
    }
  }

  /// Numbers of responses.
  public struct Counts: Sendable, Hashable {
    /// Responses sent.
    public var responsesSent: UInt64
    /// Responses that the proxy accepted.
    public var responsesAcknowledged: UInt64
    /// Responses that the proxy refused.
    public var responsesRejected: UInt64

    /// Makes counts.
    public init(responsesSent: UInt64 = 0, responsesAcknowledged: UInt64 = 0, responsesRejected: UInt64 = 0) {
      self.responsesSent = responsesSent
      self.responsesAcknowledged = responsesAcknowledged
      self.responsesRejected = responsesRejected
    }
  }

  /// A configuration that a proxy refused.
  public struct Rejection: Sendable, Hashable {
    /// What kind of configuration it was.
    public var discovery: Discovery
    /// When it was refused.
    public var time: Timestamp
    /// The proxy's reason.
    public var message: String

    /// Makes a rejection.
    public init(discovery: Discovery, time: Timestamp, message: String) {
      self.discovery = discovery
      self.time = time
      self.message = message
    }
  }

  /// The versions of the programs of a proxy.
  public struct ProxyVersion: Sendable, Hashable {
    /// The version of kuma-dp; empty when unknown.
    public var kumaDp: String
    /// The version of Envoy; empty when unknown.
    public var envoy: String

    /// Makes versions.
    public init(kumaDp: String, envoy: String) {
      self.kumaDp = kumaDp
      self.envoy = envoy
    }
  }

  /// Whether the proxy is connected.
  public var isOnline: Bool { subscriptions.contains { $0.disconnectTime == nil } }

  /// Where ``current`` stands among the connections.
  public var currentIndex: Int? {
    subscriptions.lastIndex { $0.disconnectTime == nil } ?? subscriptions.indices.last
  }

  /// The connection that tells how the proxy is: the last one that lasts, or else the last one; `nil` when there never was one.
  public var current: Subscription? { currentIndex.map { subscriptions[$0] } }

  /// The newest connection of each process that claims to be this proxy at the moment, the oldest first; none where only one
  /// does, as it should be.
  public var claims: [Subscription] {
    var newest: [String: Subscription] = [:]
    for subscription in subscriptions where subscription.disconnectTime == nil {
      guard let process = subscription.peer?.process else { continue }
      if let known = newest[process], known.connectTime > subscription.connectTime { continue }
      newest[process] = subscription
    }
    guard newest.count > 1 else { return [] }
    return newest.values.sorted { ($0.connectTime, $0.id) < ($1.connectTime, $1.id) }
  }
}

extension DataplaneInsight: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .dataplaneInsight }
  /// The content as a specification.
  public var spec: ResourceSpec { .dataplaneInsight(self) }

  /// Takes an insight out of a specification.
  public static func extract(from spec: ResourceSpec) -> DataplaneInsight? {
    if case .dataplaneInsight(let content) = spec { content } else { nil }
  }

  /// Reads an insight.
  public static func read(_ document: DocumentValue) throws(DocumentError)
    -> (content: DataplaneInsight, notices: [FieldNotice])
  {
    var reader = try ObjectReader(document, path: "")
    var insight = DataplaneInsight()
    for (item, path) in try reader.list("subscriptions") {
      insight.subscriptions.append(try Subscription.read(item, path: path))
    }
    return (insight, reader.notices())
  }

  /// The insight in document form.
  public var document: DocumentValue.Object {
    guard !subscriptions.isEmpty else { return [:] }
    return ["subscriptions": .array(subscriptions.map { .object($0.document) })]
  }
}

extension ObjectReader {
  fileprivate mutating func time(_ name: String) throws(DocumentError) -> Timestamp? {
    guard let text = try string(name) else { return nil }
    guard let time = Timestamp(text) else {
      throw Self.wrongKind(.string(text), path: join(name), expected: "a time as in RFC 3339")
    }
    return time
  }

  fileprivate mutating func count(_ name: String) throws(DocumentError) -> UInt64 {
    guard let value = value(name) else { return 0 }
    if let text = value.string, let count = UInt64(text) { return count }
    if let number = value.number, let count = UInt64(exactly: number) { return count }
    throw Self.wrongKind(value, path: join(name), expected: "a count")
  }
}

extension DataplaneInsight.Subscription {
  fileprivate static func read(_ value: DocumentValue, path: String) throws(DocumentError) -> Self {
    var reader = try ObjectReader(value, path: path)
    var result = Self(
      id: try reader.string("id") ?? "", controlPlaneInstanceId: try reader.string("controlPlaneInstanceId") ?? "",
      connectTime: try reader.time("connectTime") ?? Timestamp(seconds: 0),
      disconnectTime: try reader.time("disconnectTime"))
    if let value = reader.value("status") {
      var status = try ObjectReader(value, path: reader.join("status"))
      result.status.lastUpdateTime = try status.time("lastUpdateTime")
      result.status.lastAcknowledgementTime = try status.time("lastAcknowledgementTime")
      for discovery in DataplaneInsight.Discovery.allCases {
        guard let value = status.value(discovery.rawValue) else { continue }
        var counts = try ObjectReader(value, path: status.join(discovery.rawValue))
        let read = DataplaneInsight.Counts(
          responsesSent: try counts.count("responsesSent"),
          responsesAcknowledged: try counts.count("responsesAcknowledged"),
          responsesRejected: try counts.count("responsesRejected"))
        // The document form names every kind; those of which nothing was sent are no entries.
        if read != DataplaneInsight.Counts() { result.status.counts[discovery] = read }
      }
      if let value = status.value("lastRejection") {
        var rejection = try ObjectReader(value, path: status.join("lastRejection"))
        if let discovery = DataplaneInsight.Discovery(rawValue: try rejection.string("type") ?? "") {
          result.status.lastRejection = DataplaneInsight.Rejection(
            discovery: discovery, time: try rejection.time("time") ?? Timestamp(seconds: 0),
            message: try rejection.string("message") ?? "")
        }
      }
    }
    if let value = reader.value("version") {
      let version = DataplaneInsight.ProxyVersion(
        kumaDp: value["kumaDp"]?["version"]?.string ?? "", envoy: value["envoy"]?["version"]?.string ?? "")
      result.version = version
    }
    if let value = reader.value("peer") {
      var peer = try ObjectReader(value, path: reader.join("peer"))
      result.peer = DataplaneInsight.Peer(
        address: try peer.string("address") ?? "", process: try peer.string("process") ?? "")
    }
    return result
  }

  fileprivate var document: DocumentValue.Object {
    var object: DocumentValue.Object = [
      "id": .string(id), "controlPlaneInstanceId": .string(controlPlaneInstanceId),
      "connectTime": .string(connectTime.description),
    ]
    if let disconnectTime { object["disconnectTime"] = .string(disconnectTime.description) }
    var section: DocumentValue.Object = [:]
    if let time = status.lastUpdateTime { section["lastUpdateTime"] = .string(time.description) }
    section["total"] = .object(status.total.document)
    for discovery in DataplaneInsight.Discovery.allCases {
      section[discovery.rawValue] = .object((status.counts[discovery] ?? DataplaneInsight.Counts()).document)
    }
    if let time = status.lastAcknowledgementTime { section["lastAcknowledgementTime"] = .string(time.description) }
    if let rejection = status.lastRejection { section["lastRejection"] = rejection.document }
    object["status"] = .object(section)
    if let version {
      object["version"] = [
        "kumaDp": ["version": .string(version.kumaDp)], "envoy": ["version": .string(version.envoy)],
      ]
    }
    if let peer { object["peer"] = ["address": .string(peer.address), "process": .string(peer.process)] }
    return object
  }
}

extension DataplaneInsight.Rejection {
  /// The rejection in document form.
  public var document: DocumentValue {
    ["type": .string(discovery.rawValue), "time": .string(time.description), "message": .string(message)]
  }
}

extension DataplaneInsight.Counts {
  /// Counts as text, which is how protobuf's JSON form writes numbers of 64 bits. Zeros are left out.
  fileprivate var document: DocumentValue.Object {
    var object: DocumentValue.Object = [:]
    if responsesSent > 0 { object["responsesSent"] = .string(String(responsesSent)) }
    if responsesAcknowledged > 0 { object["responsesAcknowledged"] = .string(String(responsesAcknowledged)) }
    if responsesRejected > 0 { object["responsesRejected"] = .string(String(responsesRejected)) }
    return object
  }
}
