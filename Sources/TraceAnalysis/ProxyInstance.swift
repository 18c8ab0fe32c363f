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
  package static let tags = PeerService.proxyTags + [Span.requestIDTag]
}

extension Span {
  fileprivate static let requestIDTag = "guid:x-request-id"

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
}
