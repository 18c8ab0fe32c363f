import EnvoyAPI

/// A proxy's stream, from its first request on.
final class ProxySession: Sendable {
  /// Identifies the stream; a random UUID in lower case.
  let id: String
  /// Envoy's node id.
  let nodeID: String
  /// The request's `authorization` header, if any.
  let authorization: String?
  /// The proxy's address, for logs.
  let remotePeer: String

  init(id: String, nodeID: String, authorization: String?, remotePeer: String) {
    self.id = id
    self.nodeID = nodeID
    self.authorization = authorization
    self.remotePeer = remotePeer
  }
}

/// Why a stream ended.
enum SessionEnd: Sendable, Equatable {
  /// The proxy closed it, or the connection was lost.
  case closedByProxy
  /// The control plane stops; the proxy is expected to connect again.
  case shutdown
  /// The proxy broke the protocol, or asked for more than there is.
  case failed(SessionRefusal)
}

/// A stream is refused.
struct SessionRefusal: Error, Sendable, Hashable {
  /// The kinds of refusals, each a gRPC status.
  enum Code: Sendable {
    case invalidArgument, notFound, unauthenticated, permissionDenied, resourceExhausted, unavailable, unimplemented
    case deadlineExceeded
  }
  let code: Code
  /// What is wrong and what to do; sent to the proxy.
  let message: String
}

/// Follows the lives of the streams of proxies. Calls for one stream come one after the other.
protocol ProxySessionObserver: Sendable {
  /// A proxy introduced itself. Nothing is sent to it before this returns. Throwing ``SessionRefusal`` ends the stream;
  /// ``sessionClosed(_:end:)`` is then not called.
  func sessionOpened(_ session: ProxySession, node: Envoy_Config_Core_V3_Node) async throws(SessionRefusal)
  /// A response was written.
  func responseSent(_ session: ProxySession, typeURL: String)
  /// The proxy accepted a response.
  func acknowledged(_ session: ProxySession, typeURL: String)
  /// The proxy refused a response.
  func rejected(_ session: ProxySession, typeURL: String, message: String)
  /// The stream of an opened session ended.
  func sessionClosed(_ session: ProxySession, end: SessionEnd) async
}
