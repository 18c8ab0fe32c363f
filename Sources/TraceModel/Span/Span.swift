/// The identity of a trace: 128 bits, of which senders may use only the low 64.
public struct TraceID: Sendable, Hashable {
  /// The high half; 0 if the sender uses ids of 64 bits.
  public var high: UInt64
  /// The low half, by which the store finds traces.
  public var low: UInt64

  /// Makes an id of its halves.
  public init(high: UInt64 = 0, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads 1 to 32 hexadecimal digits; nil if the text is anything else, or zero.
  public init?(_ text: some StringProtocol) {
    guard let (high, low) = Hexadecimal.parse(text.utf8) else { return nil }
    self.init(high: high, low: low)
  }
}

extension TraceID: CustomStringConvertible {
  /// 16 or 32 lower-case hexadecimal digits.
  public var description: String {
    high == 0 ? Hexadecimal.text(low) : Hexadecimal.text(high) + Hexadecimal.text(low)
  }
}

/// One host in the network, as a span names it.
public struct Endpoint: Sendable, Hashable {
  /// The service's name in lower case; empty if unknown.
  public var serviceName: String
  /// The IPv4 address as text; empty if unknown.
  public var ipv4: String
  /// The IPv6 address as text; empty if unknown.
  public var ipv6: String
  /// The port; 0 if unknown.
  public var port: UInt16

  /// Makes an endpoint.
  public init(serviceName: String = "", ipv4: String = "", ipv6: String = "", port: UInt16 = 0) {
    self.serviceName = serviceName
    self.ipv4 = ipv4
    self.ipv6 = ipv6
    self.port = port
  }

  /// Whether nothing is known of it; such an endpoint is left out.
  public var isEmpty: Bool { serviceName.isEmpty && ipv4.isEmpty && ipv6.isEmpty && port == 0 }
}

/// One side's view of an operation, with the fields of Zipkin's v2 model.
public struct Span: Sendable, Equatable {
  /// The role of the side that reported the span.
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// It sent a request and waited for the answer.
    case client = 1
    /// It answered a request.
    case server = 2
    /// It put a message in a queue.
    case producer = 3
    /// It took a message from a queue.
    case consumer = 4
  }

  /// An event with the moment at which it happened.
  public struct Annotation: Sendable, Hashable {
    /// Microseconds since 1970.
    public var timestamp: Int64
    /// What happened.
    public var value: String

    /// Makes an annotation.
    public init(timestamp: Int64, value: String) {
      self.timestamp = timestamp
      self.value = value
    }
  }

  /// A key with its value.
  public struct Tag: Sendable, Hashable {
    /// The key, unique in its span.
    public var key: String
    /// The value.
    public var value: String

    /// Makes a tag.
    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// The trace of which it is a part.
  public var traceID: TraceID
  /// Its id within the trace; the client and the server side of one call may share it.
  public var id: UInt64
  /// The id of the span that caused it; nil for the first one.
  public var parentID: UInt64?
  /// The role of the side that reported it.
  public var kind: Kind?
  /// The operation in lower case; empty if unknown.
  public var name: String
  /// Its start in microseconds since 1970; 0 if unknown.
  public var timestamp: Int64
  /// Its length in microseconds; 0 if unknown.
  public var duration: Int64
  /// The host that reported it.
  public var localEndpoint: Endpoint?
  /// The other host of a call.
  public var remoteEndpoint: Endpoint?
  /// Events within it.
  public var annotations: [Annotation]
  /// Its tags, in the order in which they came.
  public var tags: [Tag]
  /// Whether the sender asked to keep it whatever the sampling.
  public var isDebug: Bool
  /// Whether another host began the span with this id (the server side of a shared id).
  public var isShared: Bool
  /// Whether its id, and its parent's, may stand there with their bytes in reverse, as some Envoys send them: nothing that
  /// came with it or before it told. See ``IDOrder``.
  package var hasDoubtfulIDs = false

  /// Makes a span.
  public init(
    traceID: TraceID, id: UInt64, parentID: UInt64? = nil, kind: Kind? = nil, name: String = "", timestamp: Int64 = 0,
    duration: Int64 = 0, localEndpoint: Endpoint? = nil, remoteEndpoint: Endpoint? = nil,
    annotations: [Annotation] = [], tags: [Tag] = [], isDebug: Bool = false, isShared: Bool = false
  ) {
    self.traceID = traceID
    self.id = id
    self.parentID = parentID
    self.kind = kind
    self.name = name
    self.timestamp = timestamp
    self.duration = duration
    self.localEndpoint = localEndpoint
    self.remoteEndpoint = remoteEndpoint
    self.annotations = annotations
    self.tags = tags
    self.isDebug = isDebug
    self.isShared = isShared
  }
}

extension Span {
  /// The name of the service that reported it; empty if unknown.
  public var serviceName: String { localEndpoint?.serviceName ?? "" }

  /// The name of the service at the other end; empty if unknown.
  public var remoteServiceName: String { remoteEndpoint?.serviceName ?? "" }

  /// The value of a tag.
  public func tag(_ key: String) -> String? { tags.first { $0.key == key }?.value }

  /// Whether it failed: it has a tag `error`, whose value is not `false` (some senders write it on success too).
  public var isError: Bool {
    guard let error = tag("error") else { return false }
    return error != "false"
  }

  /// Its events in the order of their times, as Zipkin answers them.
  package var sortedAnnotations: [Annotation] {
    func isBefore(_ first: Annotation, _ second: Annotation) -> Bool {
      first.timestamp != second.timestamp ? first.timestamp < second.timestamp : first.value < second.value
    }
    let isSorted = zip(annotations, annotations.dropFirst()).allSatisfy { !isBefore($1, $0) }
    return isSorted ? annotations : annotations.sorted(by: isBefore)
  }

  /// The same with its events in order.
  package var sorted: Span {
    var span = self
    span.annotations = sortedAnnotations
    return span
  }

  /// Its end in microseconds since 1970; its start if the length is unknown.
  @inlinable package var end: Int64 {
    timestamp.addingReportingOverflow(max(duration, 0)).overflow ? .max : timestamp &+ max(duration, 0)
  }
}
