import MeshAccess
import MeshModel
import MeshPolicy
import MeshXDS

/// Checks which proxy a peer is by its dataplane token. Source of the rules and texts: Kuma 2.7.
struct TokenAuthenticator: ProxyAuthenticating {
  /// The newest keys; `nil` before the secrets are read.
  let keys: @Sendable () -> KeyRing?
  /// Yields after each change of the keys.
  let keyChanges: @Sendable () -> AsyncStream<Void>
  var now: @Sendable () -> Timestamp = { .now }

  /// Source of the text: Kuma 2.7.
  let tokenRequired =
    "Dataplane Token is required. Generate token using 'kumactl generate dataplane-token > /path/file' and provide it "
    + "via --dataplane-token-file=/path/file argument to Kuma DP"

  func changes() -> AsyncStream<Void> { keyChanges() }

  func authenticate(_ proof: ProxyProof) async throws(SessionRefusal) -> ProxyAuthority {
    guard let proxy = ProxyID(nodeID: proof.nodeID) else {
      throw .unauthenticated("the node id \(proof.nodeID.quoted) must have the form <mesh>.<dataplane name>")
    }
    guard let ring = keys() else {
      throw SessionRefusal(
        code: .unavailable, message: "the control plane has not read its signing keys yet; the proxy keeps retrying")
    }
    let token: DataplaneToken
    switch ring.verifyDataplaneToken(proof.token ?? "", mesh: proxy.mesh, now: now()) {
    case .failure(let refusal): throw .unauthenticated(refusal.reason)
    case .success(let verified): token = verified
    }
    // Name, mesh and type do not depend on a Dataplane, which may be missing.
    var named = token.claims
    named.tags = [:]
    let bare = Resource(mesh: proxy.mesh, name: proxy.name, spec: .dataplane(Dataplane(networking: nil)))
    if let refusal = named.refusal(of: bare) { throw .unauthenticated(refusal.reason) }
    let claims = token.claims
    var authority = ProxyAuthority(tokenID: token.stamp.id.isEmpty ? nil : token.stamp.id) { dataplane in
      claims.refusal(of: dataplane)?.reason
    }
    authority.needsDataplane = !claims.tags.isEmpty
    authority.revocation = { [keys] in keys()?.refusal(ofAccepted: token)?.reason }
    return authority
  }
}
