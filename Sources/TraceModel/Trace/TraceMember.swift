/// The fields that decide a span's position in its trace.
package protocol TraceMember {
  associatedtype Service: Hashable

  var id: UInt64 { get set }
  var parentID: UInt64? { get set }
  var kind: Span.Kind? { get }
  var isShared: Bool { get }
  var timestamp: Int64 { get }
  var duration: Int64 { get }
  var traceID: TraceID { get }
  /// Identifies the service.
  var serviceKey: Service { get }
  /// ``TextHash`` of the operation.
  var operationKey: UInt64 { get }
  /// The reporting host.
  var place: HostKey { get }
  /// The host at the other end.
  var remotePlace: HostKey { get }
  /// Whether a proxy reported the span, rather than the service itself.
  var isProxied: Bool { get }
  /// Whether the byte order of the span's and the parent's id is unknown.
  var hasDoubtfulIDs: Bool { get set }
}

extension TraceMember {
  /// Whether the span is the root of its trace: it has no parent id, and if it is marked as shared, its id is the trace's own. Envoy
  /// marks every server side as shared, even for a request that came without a trace.
  package var isRoot: Bool { parentID == nil && (!isShared || id == traceID.low) }

  /// Whether the span is the receiving side of a call.
  var isServerSide: Bool { isShared || kind == .server || kind == .consumer }

  /// Whether the span ran at a moment, in microseconds since 1970.
  func covers(_ time: Int64) -> Bool {
    let (end, isBeyond) = timestamp.addingReportingOverflow(max(duration, 0))
    return timestamp > 0 && timestamp <= time && (isBeyond || time <= end)
  }
}

/// Identifies a host.
package struct HostKey: Hashable, Sendable {
  /// ``TextHash`` of the address; 0 if unknown.
  package var address: UInt64 = 0
  /// The port; 0 if unknown.
  package var port: UInt16 = 0
  /// Whether the address is the same on every machine.
  package var isLoopback = false

  package init() {}

  package init(_ endpoint: Endpoint?) {
    let text = endpoint.map { $0.ipv4.isEmpty ? $0.ipv6 : $0.ipv4 } ?? ""
    self.init(address: text.isEmpty ? 0 : TextHash.hash(text), port: endpoint?.port ?? 0)
  }

  package init(_ endpoint: EndpointDraft, in bytes: UnsafeRawBufferPointer) {
    let text = endpoint.ipv4.isEmpty ? endpoint.ipv6 : endpoint.ipv4
    self.init(address: text.isEmpty ? 0 : TextHash.hash(text.of(bytes)), port: endpoint.port)
  }

  private init(address: UInt64, port: UInt16) {
    self.init()
    self.address = address
    self.port = port
    isLoopback = address == Self.loopback.0 || address == Self.loopback.1
  }

  private static let loopback = (TextHash.hash("127.0.0.1"), TextHash.hash("::1"))

  /// Adds fields that only the other key has.
  package mutating func fill(_ other: HostKey) {
    if address == 0 { (address, isLoopback) = (other.address, other.isLoopback) }
    if port == 0 { port = other.port }
  }

  /// Whether both can be the same host: fields known of both are equal.
  func isCompatible(with other: HostKey) -> Bool {
    (address == other.address || address == 0 || other.address == 0)
      && (port == other.port || port == 0 || other.port == 0)
  }

  /// The certainty that both are the same host: 2 with the port, 1 without the port, 0 unknown.
  func likeness(to other: HostKey) -> Int {
    guard address == other.address, address != 0 else { return 0 }
    if port != 0, port == other.port { return 2 }
    return isLoopback ? 0 : 1
  }
}

extension Span: TraceMember {
  package var serviceKey: String { serviceName }
  package var operationKey: UInt64 { TextHash.hash(name) }
  package var place: HostKey { HostKey(localEndpoint) }
  package var remotePlace: HostKey { HostKey(remoteEndpoint) }
}
