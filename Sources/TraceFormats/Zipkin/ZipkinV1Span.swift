import TraceModel

/// A span of Zipkin's v1 format. It may contain both sides of a call: each event and tag names its host.
struct ZipkinV1Span {
  /// An event at a host.
  struct Annotation {
    var timestamp: Int64
    var value: String
    var endpoint: Endpoint?
  }

  /// A tag at a host, or with no value, the address of a participating host.
  struct BinaryAnnotation {
    var key: String
    var value: String?
    var endpoint: Endpoint?
  }

  var traceID = TraceID(low: 0)
  var id: UInt64 = 0
  var parentID: UInt64?
  var name = ""
  /// In microseconds; 0 if unknown, as for a side that did not begin the span.
  var timestamp: Int64 = 0
  var duration: Int64 = 0
  var isDebug = false
  var annotations: [Annotation] = []
  var binaryAnnotations: [BinaryAnnotation] = []

  /// The sender, as far as the span was read.
  var origin: SpanOrigin {
    let endpoint =
      annotations.lazy.compactMap(\.endpoint).first ?? binaryAnnotations.lazy.compactMap(\.endpoint).first
    var origin = SpanOrigin(
      service: endpoint?.serviceName ?? "",
      address: endpoint.map { $0.ipv4.isEmpty ? $0.ipv6 : $0.ipv4 } ?? "", tags: [])
    for annotation in binaryAnnotations { origin.add(annotation.key) { annotation.value ?? "" } }
    return origin
  }
}

/// Converts a v1 span into v2 spans, one for each host. The rules are those of openzipkin's `V1SpanConverter`.
struct ZipkinV1Conversion {
  /// The annotations that mark the phases of a call.
  private enum Event: String {
    case clientSent = "cs"
    case clientReceived = "cr"
    case serverReceived = "sr"
    case serverSent = "ss"
    case messageSent = "ms"
    case messageReceived = "mr"
    case wireSent = "ws"
    case wireReceived = "wr"

    var kind: Span.Kind? {
      switch self {
      case .clientSent, .clientReceived: .client
      case .serverReceived, .serverSent: .server
      case .messageSent: .producer
      case .messageReceived: .consumer
      case .wireSent, .wireReceived: nil
      }
    }
  }

  /// An event at a known host.
  private struct Moment {
    var timestamp: Int64
    var endpoint: Endpoint
  }

  /// The limit of hosts in one span. Real spans have two.
  static let sidesPerSpan = 16

  private let source: ZipkinV1Span
  private var sides: [Span]
  private var moments: [Event: Moment] = [:]

  /// The v2 spans; `nil` if there are more than ``sidesPerSpan``.
  static func spans(of source: ZipkinV1Span) -> [Span]? {
    var conversion = ZipkinV1Conversion(source)
    conversion.takeAnnotations()
    conversion.completeMoments()
    conversion.timeCalls()
    conversion.timeMessages()
    conversion.takeBinaryAnnotations()
    return conversion.sides.count <= sidesPerSpan ? conversion.sides : nil
  }

  private init(_ source: ZipkinV1Span) {
    self.source = source
    sides = []
    sides = [newSide()]
  }

  private func newSide() -> Span {
    Span(
      traceID: source.traceID, id: source.id, parentID: source.parentID, name: source.name, isDebug: source.isDebug)
  }

  /// The side of a host. Data without a host belongs to the first side.
  private mutating func side(_ endpoint: Endpoint?) -> Int {
    guard let endpoint else { return 0 }
    if sides[0].localEndpoint == nil { sides[0].localEndpoint = endpoint }
    if let index = sides.firstIndex(where: { $0.serviceName == endpoint.serviceName }) { return index }
    return addSide(endpoint)
  }

  private mutating func addSide(_ endpoint: Endpoint) -> Int {
    // One side beyond the limit is enough to reject the span.
    guard sides.count <= Self.sidesPerSpan else { return sides.count - 1 }
    var side = newSide()
    side.localEndpoint = endpoint
    sides.append(side)
    return sides.count - 1
  }

  // MARK: Events

  private mutating func takeAnnotations() {
    for annotation in source.annotations {
      let index = side(annotation.endpoint)
      if let endpoint = annotation.endpoint, let event = Event(rawValue: annotation.value) {
        if let kind = event.kind { sides[index].kind = kind }
        moments[event] = Moment(timestamp: annotation.timestamp, endpoint: endpoint)
      } else {
        add(annotation.timestamp, annotation.value, to: index)
      }
    }
  }

  private mutating func add(_ timestamp: Int64, _ value: String, to index: Int) {
    sides[index].annotations.append(Span.Annotation(timestamp: timestamp, value: value))
  }

  /// Fills in a missing begin of a call: it is the start of the span, if both end at the same time.
  private mutating func completeMoments() {
    guard source.timestamp != 0, source.duration != 0 else { return }
    let (end, isBeyond) = source.timestamp.addingReportingOverflow(source.duration)
    guard !isBeyond else { return }
    for (start, last) in [(Event.clientSent, Event.clientReceived), (.serverReceived, .serverSent)] {
      if moments[start] == nil, let moment = moments[last], moment.timestamp == end {
        moments[start] = Moment(timestamp: source.timestamp, endpoint: moment.endpoint)
      }
    }
  }

  private mutating func timeCalls() {
    let sent = moments[.clientSent]
    let answered = moments[.clientReceived]
    let received = moments[.serverReceived]
    let replied = moments[.serverSent]
    if let sent, let received {
      // The span's own time is the client's. The server's time comes only from its events.
      time(from: sent, to: answered)
      let client = side(sent.endpoint)
      let server: Int
      if sent.endpoint.serviceName == received.endpoint.serviceName {
        sides[client].kind = .client
        server = addSide(received.endpoint)
        sides[server].kind = .server
      } else {
        server = side(received.endpoint)
      }
      sides[server].isShared = true
      sides[server].timestamp = max(0, received.timestamp)
      if let replied { sides[server].duration = Self.length(received.timestamp, replied.timestamp) }
      if answered == nil, source.duration == 0 { sides[client].duration = 0 }
    } else if let sent, let answered {
      time(from: sent, to: answered)
    } else if let received, let replied {
      time(from: received, to: replied)
    } else {
      keepIncomplete()
    }
    // By convention, a side that joins a span of another host reports no time for it.
    if sent == nil, let received, source.timestamp == 0 || (replied != nil && source.duration == 0) {
      sides[side(received.endpoint)].isShared = true
    }
  }

  /// Half of a call: its begin sets the time, its end stays an annotation.
  private mutating func keepIncomplete() {
    for index in sides.indices {
      let ends: (start: Event, last: Event)
      switch sides[index].kind {
      case .client: ends = (.clientSent, .clientReceived)
      case .server: ends = (.serverReceived, .serverSent)
      default: continue
      }
      if let start = moments[ends.start] { sides[index].timestamp = max(0, start.timestamp) }
      if let last = moments[ends.last] { add(last.timestamp, ends.last.rawValue, to: index) }
    }
    if source.timestamp != 0 {
      sides[0].timestamp = source.timestamp
      sides[0].duration = source.duration
    }
  }

  private mutating func timeMessages() {
    let sent = moments[.messageSent]
    let received = moments[.messageReceived]
    let onWire = (sent: moments[.wireSent], received: moments[.wireReceived])
    if let sent, let received {
      let producer = side(sent.endpoint)
      let consumer: Int
      if sent.endpoint.serviceName == received.endpoint.serviceName {
        sides[producer].kind = .producer
        consumer = addSide(received.endpoint)
        sides[consumer].kind = .consumer
      } else {
        consumer = side(received.endpoint)
      }
      sides[consumer].isShared = true
      sides[consumer].timestamp = max(0, (onWire.received ?? received).timestamp)
      if let start = onWire.received { sides[consumer].duration = Self.length(start.timestamp, received.timestamp) }
      sides[producer].timestamp = max(0, sent.timestamp)
      sides[producer].duration = onWire.sent.map { Self.length(sent.timestamp, $0.timestamp) } ?? 0
    } else if let sent {
      time(from: sent, to: onWire.sent)
    } else if let received {
      if let start = onWire.received { time(from: start, to: received) } else { time(from: received, to: nil) }
    } else {
      if let moment = onWire.sent { add(moment.timestamp, Event.wireSent.rawValue, to: side(moment.endpoint)) }
      if let moment = onWire.received { add(moment.timestamp, Event.wireReceived.rawValue, to: side(moment.endpoint)) }
    }
  }

  /// Sets the time of a side: the span's own if known, otherwise the time between two events.
  private mutating func time(from start: Moment, to end: Moment?) {
    let index = side(start.endpoint)
    if source.timestamp != 0, source.duration != 0 {
      sides[index].timestamp = source.timestamp
      sides[index].duration = source.duration
    } else {
      sides[index].timestamp = max(0, start.timestamp)
      if let end { sides[index].duration = Self.length(start.timestamp, end.timestamp) }
    }
  }

  private static func length(_ start: Int64, _ end: Int64) -> Int64 {
    let (length, isBeyond) = end.subtractingReportingOverflow(start)
    return isBeyond ? 0 : max(0, length)
  }

  // MARK: Tags and addresses

  private mutating func takeBinaryAnnotations() {
    var addresses: [String: Endpoint] = [:]
    var tags = [TagList](repeating: TagList(), count: Self.sidesPerSpan + 2)
    defer { for index in sides.indices where index < tags.count { sides[index].tags = tags[index].tags } }
    for annotation in source.binaryAnnotations {
      guard let value = annotation.value else {
        addresses[annotation.key] = annotation.endpoint
        continue
      }
      let index = side(annotation.endpoint)
      // Marks a local span. v2 does not need it.
      if annotation.key == "lc", value.isEmpty { continue }
      tags[index].set(annotation.key, value)
    }
    let isCall = [.clientSent, .clientReceived, .serverReceived, .serverSent].contains { moments[$0] != nil }
    if !isCall, addresses["ca"] != nil || addresses["sa"] != nil {
      takeAddresses(client: addresses["ca"], server: addresses["sa"])
      return
    }
    if var client = addresses["ca"], let server = moments[.serverReceived] ?? moments[.serverSent],
      client != server.endpoint
    {
      // Some senders set the server's service name for the client's address. It would look like a call to itself.
      if client.serviceName == server.endpoint.serviceName { client.serviceName = "" }
      sides[side(server.endpoint)].remoteEndpoint = client.isEmpty ? nil : client
    }
    if let server = addresses["sa"], let client = moments[.clientSent] ?? moments[.clientReceived] {
      sides[side(client.endpoint)].remoteEndpoint = server
    }
    if let broker = addresses["ma"] {
      for moment in [moments[.messageSent], moments[.messageReceived]] {
        if let moment { sides[side(moment.endpoint)].remoteEndpoint = broker }
      }
    }
  }

  /// Handles addresses without any event of a call.
  private mutating func takeAddresses(client: Endpoint?, server: Endpoint?) {
    if let client, let server {
      sides[side(client)].remoteEndpoint = server
    } else if let server {
      sides[0].remoteEndpoint = server
    } else if let client {
      sides[0].kind = .server
      sides[0].remoteEndpoint = client
    }
  }
}
