import MeshModel
import MeshXDS
import Synchronization

/// The streams of proxies that proved who they are. Ends those whose token does not count any more.
final class AuthenticatedStreams: Sendable {
  private struct Entry {
    let session: ProxySession
    let authority: ProxyAuthority
  }

  private let authenticator: (any ProxyAuthenticating)?
  private let entries = Mutex<[String: Entry]>([:])

  /// - Parameter authenticator: checks who a proxy is; `nil` where nobody has to prove anything.
  init(_ authenticator: (any ProxyAuthenticating)?) { self.authenticator = authenticator }

  /// Checks the first request of a stream. The caller has to ``close(_:)`` a stream that passed.
  func open(
    _ session: ProxySession, _ introduction: ProxyIntroduction
  ) async throws(SessionRefusal) -> ProxyAuthority {
    guard let authenticator else { return .unlimited }
    let authority = try await authenticator.authenticate(
      ProxyProof(nodeID: session.nodeID, token: session.authorization))
    guard introduction.dataplane == nil || authority.bringsDataplane else { throw .ofBroughtDataplane }
    entries.withLock { $0[session.id] = Entry(session: session, authority: authority) }
    // A change since the check has perhaps passed over this stream.
    if let reason = authority.revocation() {
      close(session.id)
      throw .unauthenticated(reason)
    }
    return authority
  }

  /// A stream has ended, or was refused later.
  func close(_ stream: String) { entries.withLock { _ = $0.removeValue(forKey: stream) } }

  /// Ends a stream.
  func end(_ stream: String, _ refusal: SessionRefusal) {
    entries.withLock { $0[stream] }?.session.end(refusal)
  }

  /// Ends streams whenever what proves who they are has changed, until the task is cancelled.
  func follow() async {
    guard let authenticator else { return }
    let changes = authenticator.changes()
    endRevoked()
    for await _ in changes { endRevoked() }
  }

  private func endRevoked() {
    for entry in entries.withLock({ Array($0.values) }) {
      if let reason = entry.authority.revocation() { entry.session.end(.unauthenticated(reason)) }
    }
  }
}
