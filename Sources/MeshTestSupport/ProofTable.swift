package import MeshXDS
import Notifications
import Synchronization

/// Knows from a table what each token is worth, for tests of what follows from that.
package final class ProofTable: ProxyAuthenticating {
  private struct State {
    var authorities: [String: ProxyAuthority]
    var revoked: Set<String> = []
  }

  package let tokenRequired: String
  private let state: Mutex<State>
  private let revocations = Broadcast<Void>()

  /// Makes a table.
  ///
  /// - Parameter authorities: what proxies may speak for, by their tokens.
  package init(_ authorities: [String: ProxyAuthority], tokenRequired: String = "A token is required.") {
    self.tokenRequired = tokenRequired
    state = Mutex(State(authorities: authorities))
  }

  /// Makes a token worthless, also where it was accepted.
  package func revoke(_ token: String) {
    state.withLock { _ = $0.revoked.insert(token) }
    revocations.send()
  }

  package func changes() -> AsyncStream<Void> { revocations.stream() }

  package func authenticate(_ proof: ProxyProof) async throws(SessionRefusal) -> ProxyAuthority {
    let token = proof.token ?? ""
    let found = state.withLock { $0.revoked.contains(token) ? nil : $0.authorities[token] }
    guard var authority = found else { throw .unauthenticated("the token is not in the table") }
    authority.revocation = { [self] in state.withLock { $0.revoked.contains(token) } ? "the token is revoked" : nil }
    return authority
  }
}
