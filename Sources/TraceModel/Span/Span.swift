/// A trace id of 128 bits. Some senders use only the low 64.
public struct TraceID: Sendable, Hashable {
  /// The high half; 0 if the sender uses ids of 64 bits.
  public var high: UInt64
  /// The low half, by which the store finds traces.
  public var low: UInt64

  /// Creates an id from its halves.
  public init(high: UInt64 = 0, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Parses 1 to 32 hexadecimal digits; `nil` for any other text and for zero.
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

/// A host in the network, as a span names it.
public struct Endpoint: Sendable, Hashable {
  /// The service's name in lower case; empty if unknown.
  public var serviceName: String
  /// The IPv4 address as text; empty if unknown.
  public var ipv4: String
  /// The IPv6 address as text; empty if unknown.
  public var ipv6: String
  /// The port; 0 if unknown.
  public var port: UInt16

  /// Creates an endpoint.
  public init(serviceName: String = "", ipv4: String = "", ipv6: String = "", port: UInt16 = 0) {
    self.serviceName = serviceName
    self.ipv4 = ipv4
    self.ipv6 = ipv6
    self.port = port
  }

  /// Whether all fields are unknown. Such an endpoint is omitted.
  public var isEmpty: Bool { serviceName.isEmpty && ipv4.isEmpty && ipv6.isEmpty && port == 0 }
}

/// One side's view of an operation, with the fields of Zipkin's v2 model.
public struct Span: Sendable, Equatable {
  /// The role of the side that reported the span.
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// The sender of a request that waited for the answer.
    case client = 1
    /// The server that answered a request.
    case server = 2
    /// The producer of a queued message.
    case producer = 3
    /// The consumer of a queued message.
    case consumer = 4
  }

  /// A timestamped event.
  public struct Annotation: Sendable, Hashable {
    /// Microseconds since 1970.
    public var timestamp: Int64
    /// The event.
    public var value: String

    /// Creates an annotation.
    public init(timestamp: Int64, value: String) {
      self.timestamp = timestamp
      self.value = value
    }
  }

  /// A key and a value.
  public struct Tag: Sendable, Hashable {
    /// The key, unique in its span.
    public var key: String
    /// The value.
    public var value: String

    /// Creates a tag.
    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// The id of the trace.
  public var traceID: TraceID
  /// The span's id. The client and the server side of one call may share it.
  public var id: UInt64
  /// The id of the parent span; `nil` for a root.
  public var parentID: UInt64?
  /// The role of the reporting side.
  public var kind: Kind?
  /// The operation in lower case; empty if unknown.
  public var name: String
  /// The start in microseconds since 1970; 0 if unknown.
  public var timestamp: Int64
  /// The duration in microseconds; 0 if unknown.
  public var duration: Int64
  /// The reporting host.
  public var localEndpoint: Endpoint?
  /// The host at the other end of a call.
  public var remoteEndpoint: Endpoint?
  /// Events within the span.
  public var annotations: [Annotation]
  /// The tags in the order in which they were received.
  public var tags: [Tag]
  /// Whether the sender asked to keep the span regardless of sampling.
  public var isDebug: Bool
  /// Whether the span has the id of the caller's span (the server side of a shared id).
  public var isShared: Bool
  /// Whether the byte order of the span's and the parent's id is unknown. Some Envoys send ids with reversed bytes, and neither
  /// this report nor earlier ones told the order. See ``IDOrder``.
  package var hasDoubtfulIDs = false

  /// Creates a span.
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
  /// The name of the reporting service; empty if unknown.
  public var serviceName: String { localEndpoint?.serviceName ?? "" }

  /// The name of the service at the other end; empty if unknown.
  public var remoteServiceName: String { remoteEndpoint?.serviceName ?? "" }

  /// The value of a tag.
  public func tag(_ key: String) -> String? { tags.first { $0.key == key }?.value }

  /// Whether the span failed: it has a tag `error` with a value other than `false`, which some senders write on success.
  public var isError: Bool {
    guard let error = tag("error") else { return false }
    return error != "false"
  }

  /// The annotations by time, as Zipkin returns them.
  package var sortedAnnotations: [Annotation] {
    func isBefore(_ first: Annotation, _ second: Annotation) -> Bool {
      first.timestamp != second.timestamp ? first.timestamp < second.timestamp : first.value < second.value
    }
    let isSorted = zip(annotations, annotations.dropFirst()).allSatisfy { !isBefore($1, $0) }
    return isSorted ? annotations : annotations.sorted(by: isBefore)
  }

  /// The span with sorted annotations.
  package var sorted: Span {
    var span = self
    span.annotations = sortedAnnotations
    return span
  }

  /// The end in microseconds since 1970; the start if the duration is unknown.
  @inlinable public var end: Int64 {
    timestamp.addingReportingOverflow(max(duration, 0)).overflow ? .max : timestamp &+ max(duration, 0)
  }
}
