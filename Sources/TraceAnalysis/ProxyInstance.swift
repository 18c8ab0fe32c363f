import StableHash
import TraceModel

/// One proxy. The spans of a proxy have times of one clock, so they can be compared to the microsecond.
struct ProxyInstance: Hashable, Sendable {
  let service: String
  /// The tag `node_id` of Envoy's spans; empty if there is none.
  let node: String
  let address: String

  init(_ span: Span) {
    service = span.serviceName
    node = span.tag("node_id") ?? ""
    address = span.localEndpoint.map { $0.ipv4.isEmpty ? $0.ipv6 : $0.ipv4 } ?? ""
  }
}

extension PropagationAnalyzer {
  /// The keys of the tags that the analysis reads.
  package static let tags = PeerService.proxyTags + [Span.requestIDTag, Span.requestSizeTag, Span.errorTag]
}

extension Span {
  fileprivate static let requestIDTag = "guid:x-request-id"
  fileprivate static let requestSizeTag = "request_size"
  fileprivate static let errorTag = "error"

  /// Whether the span is a request that its service received.
  var isInbound: Bool { kind == .server }

  /// Whether the span is a request that its service sent.
  var isOutbound: Bool { kind == .client && !isShared }

  /// Whether the span is a request that its service sent without trace headers, so that a new trace began.
  var isStartedCall: Bool { isOutbound && isRoot }

  /// The called service; empty if the span does not name it. The operation name is not used.
  package var callee: String { peerService }

  /// A hash of the request id that Envoy assigns and forwards; 0 if there is none.
  var requestNumber: UInt64 {
    guard let id = tag(Self.requestIDTag), !id.isEmpty else { return 0 }
    return max(FNV1a.hash(id.utf8), 1)
  }

  /// The id of the request as Envoy reports it.
  var requestID: RequestID { tag(Self.requestIDTag).map { RequestID($0) } ?? RequestID() }

  /// The size of the request's body in bytes, as Envoy counted it; `nil` if unknown.
  var requestSize: UInt32? { tag(Self.requestSizeTag).flatMap { UInt32($0) } }
}

/// An `x-request-id`, reduced to what comparisons need.
struct RequestID: Sendable, Equatable {
  /// A hash of the first id; 0 if there is none.
  var hash: UInt64 = 0
  /// The number of ids. Envoy joins header fields of one name with commas.
  var count: UInt8 = 0

  /// The position in a UUID at which Envoy writes whether the request is traced: 4 if not, 9, a or b if it is. A proxy with another
  /// sampling may write another digit into the same id.
  private static let reasonIndex = 14
  private static let uuidLength = 36

  init() {}

  init(_ text: String) {
    let ids = text.utf8.split(separator: UInt8(ascii: ","), maxSplits: 8)
    guard let first = ids.first else { return }
    count = UInt8(clamping: ids.count)
    let isUUID = first.count == Self.uuidLength
    var index = -1
    hash = max(
      FNV1a.hash(
        first.lazy.map { byte in
          index += 1
          return isUUID && index == Self.reasonIndex ? 0 : byte
        }), 1)
  }
}
