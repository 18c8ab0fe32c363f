/// Issues tokens over the API.
package protocol TokenIssuing: Sendable {
  /// Issues a dataplane token with the newest key of its mesh.
  func issue(_ claims: DataplaneClaims, validFor: Duration) async throws(TokenIssueError) -> String
  /// Issues a user token with the newest key.
  func issue(_ user: User, validFor: Duration) async throws(TokenIssueError) -> String
}
