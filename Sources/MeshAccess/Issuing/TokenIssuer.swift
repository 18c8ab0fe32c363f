package import MeshModel

/// Issues tokens over the API.
package protocol TokenIssuing: Sendable {
  /// Issues a dataplane token with the newest key of its mesh.
  func issue(_ claims: DataplaneClaims, validFor: Duration) async throws(TokenIssueError) -> String
  /// Issues a user token with the newest key.
  func issue(_ user: User, validFor: Duration) async throws(TokenIssueError) -> String
}

/// Issues tokens with the keys of a ring that changes with the store.
package struct TokenIssuer: TokenIssuing {
  private let issuesDataplaneTokens: Bool
  private let issuesUserTokens: Bool
  private let keys: @Sendable () -> KeyRing
  private let prepare: @Sendable (String) async throws(TokenIssueError) -> Void
  private let now: @Sendable () -> Timestamp

  /// Makes an issuer.
  ///
  /// - Parameters:
  ///   - issuesDataplaneTokens: `dpServer.authn.dpProxy.dpToken.enableIssuer`.
  ///   - issuesUserTokens: `apiServer.authn.tokens.enableIssuer`.
  ///   - keys: the newest keys.
  ///   - prepare: makes the first signing key of a mesh, or of users (an empty name), if it is missing; called before a key is used.
  ///   - now: the clock.
  package init(
    issuesDataplaneTokens: Bool, issuesUserTokens: Bool, keys: @escaping @Sendable () -> KeyRing,
    prepare: @escaping @Sendable (String) async throws(TokenIssueError) -> Void,
    now: @escaping @Sendable () -> Timestamp = { .now }
  ) {
    self.issuesDataplaneTokens = issuesDataplaneTokens
    self.issuesUserTokens = issuesUserTokens
    self.keys = keys
    self.prepare = prepare
    self.now = now
  }

  package func issue(_ claims: DataplaneClaims, validFor: Duration) async throws(TokenIssueError) -> String {
    guard issuesDataplaneTokens else { throw .disabled }
    return try await key(claims.mesh).sign(claims, validFor: validFor, now: now())
  }

  package func issue(_ user: User, validFor: Duration) async throws(TokenIssueError) -> String {
    guard issuesUserTokens else { throw .disabled }
    return try await key("").sign(user, validFor: validFor, now: now())
  }

  private func key(_ mesh: String) async throws(TokenIssueError) -> SigningKey {
    try await prepare(mesh)
    guard let key = keys().newestSigningKey(mesh: mesh) else {
      let id = SecretName.firstKeyID
      throw .noSigningKey(
        secret: mesh.isEmpty
          ? SecretName.userTokenSigningKey(id) : SecretName.dataplaneTokenSigningKey(mesh: mesh, id), mesh: mesh)
    }
    return key
  }
}
