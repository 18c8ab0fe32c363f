/// A proxy's stream, from its first request on.
package final class ProxySession: Sendable {
  /// Identifies the stream; a random UUID in lower case.
  package let id: String
  /// Envoy's node id.
  package let nodeID: String
  /// The request's `authorization` header, if any.
  package let authorization: String?
  /// The proxy's address, for logs.
  package let remotePeer: String
  private let onEnd: @Sendable (SessionRefusal) -> Void

  /// Describes a stream.
  ///
  /// - Parameter onEnd: ends the stream.
  package init(
    id: String, nodeID: String, authorization: String?, remotePeer: String,
    onEnd: @escaping @Sendable (SessionRefusal) -> Void = { _ in }
  ) {
    self.id = id
    self.nodeID = nodeID
    self.authorization = authorization
    self.remotePeer = remotePeer
    self.onEnd = onEnd
  }

  /// Ends the stream: nothing more is sent on it.
  package func end(_ refusal: SessionRefusal) { onEnd(refusal) }
}

/// Why a stream ended.
package enum SessionEnd: Sendable, Equatable {
  /// The proxy closed it, or the connection was lost.
  case closedByProxy
  /// The control plane stops; the proxy is expected to connect again.
  case shutdown
  /// The proxy violated the protocol or exceeded a limit.
  case failed(SessionRefusal)
}

/// A stream is refused.
package struct SessionRefusal: Error, Sendable, Hashable {
  /// The kinds of refusals, each a gRPC status.
  package enum Code: Sendable, CaseIterable {
    case invalidArgument, notFound, unauthenticated, permissionDenied, resourceExhausted, unavailable, unimplemented
    case deadlineExceeded
  }
  package let code: Code
  /// What is wrong and what to do; sent to the proxy.
  package let message: String
  /// Why, for the log of the control plane. It is the message unless that must not say it.
  package let reason: String

  /// Makes a refusal.
  ///
  /// - Parameter reason: for the log only; `nil` for the message.
  package init(code: Code, message: String, reason: String? = nil) {
    self.code = code
    self.message = message
    self.reason = reason ?? message
  }
}

/// Observes the streams of proxies. Calls for one stream come one after the other.
package protocol ProxySessionObserver: Sendable {
  /// A proxy sent its first request. Nothing is sent to it before this returns. If this throws ``SessionRefusal``, the
  /// stream ends without a call of ``sessionClosed(_:end:)``.
  func sessionOpened(_ session: ProxySession, _ introduction: ProxyIntroduction) async throws(SessionRefusal)
  /// A response was written.
  func responseSent(_ session: ProxySession, typeURL: String)
  /// The proxy accepted a response.
  func acknowledged(_ session: ProxySession, typeURL: String)
  /// The proxy rejected a response.
  func rejected(_ session: ProxySession, typeURL: String, message: String)
  /// The stream of an opened session ended.
  func sessionClosed(_ session: ProxySession, end: SessionEnd) async
}
