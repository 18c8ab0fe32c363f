import GRPCCore
import HTTPService
import MeshModel
import MeshXDS
import Synchronization

/// Counts the streams of proxies that the server refused or ended, by the status that they got.
package final class RefusedStreams: Sendable {
  /// The statuses, with their labels in metrics, which are gRPC's names (https://grpc.io/docs/guides/status-codes/).
  private static let labels: [(code: RPCError.Code, label: String)] = [
    (.invalidArgument, "invalid_argument"), (.notFound, "not_found"), (.unauthenticated, "unauthenticated"),
    (.permissionDenied, "permission_denied"), (.resourceExhausted, "resource_exhausted"), (.unavailable, "unavailable"),
    (.unimplemented, "unimplemented"), (.deadlineExceeded, "deadline_exceeded"),
  ]

  private let state = Mutex((counts: [RPCError.Code: Int](), overflows: 0))

  init() {}

  /// How many streams got each status.
  package var counts: [(label: String, count: Int)] {
    let counts = state.withLock { $0.counts }
    return Self.labels.map { (label: $0.label, count: counts[$0.code] ?? 0) }
  }

  /// How many streams requested more names of a type than are kept.
  package var overflows: Int { state.withLock { $0.overflows } }

  func count(_ code: RPCError.Code) { state.withLock { $0.counts[code, default: 0] &+= 1 } }

  func countOverflow() { state.withLock { $0.overflows &+= 1 } }
}

extension ProxySession {
  /// Whose turn it is while the proxy's documents are read.
  var client: ClientKey {
    let host = ProxyAddress(remotePeer: remotePeer, adminPort: nil).host
    return ClientKey(address: host, isLoopback: host.map { HostRules.isLoopback($0) } ?? false)
  }
}
