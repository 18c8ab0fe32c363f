import StableHash
import TraceModel

/// One proxy: spans of one have their times from one clock, so that they can be compared to the microsecond.
struct ProxyInstance: Hashable, Sendable {
  let service: String
  /// The tag `node_id`, which an Envoy puts into its spans; empty if there is none.
  let node: String
  let address: String

  init(_ span: Span) {
    service = span.serviceName
    node = span.tag("node_id") ?? ""
    address = span.localEndpoint.map { $0.ipv4.isEmpty ? $0.ipv6 : $0.ipv4 } ?? ""
  }
}

extension Span {
  /// Whether it is a request that its service received.
  var isInbound: Bool { kind == .server }

  /// Whether it is a request that its service sent.
  var isOutbound: Bool { kind == .client && !isShared }

  /// Whether it is a request that its service sent without the headers of a trace, so that a new one began.
  var isStartedCall: Bool { isOutbound && isRoot }

  /// Whom a request is for; empty if the span does not say. What the operation is called says nothing of it.
  package var callee: String { peerService }

  /// A number for the id that Envoy gives a request and keeps where it is forwarded; 0 if there is none.
  var requestNumber: UInt64 {
    guard let id = tag("guid:x-request-id"), !id.isEmpty else { return 0 }
    return max(FNV1a.hash(id.utf8), 1)
  }
}
