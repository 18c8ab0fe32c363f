/// The names of the secrets that hold keys, tokens and lists of revoked tokens. Those of Kuma's tokens are Kuma 2.7's.
package enum SecretName {
  /// The GlobalSecret with the token of the first administrator.
  package static let adminUserToken = "admin-user-token"
  /// The GlobalSecret that lists revoked user tokens: their ids, separated by commas.
  package static let userTokenRevocations = "user-token-revocations"
  /// The id of the first signing key.
  package static let firstKeyID = "1"

  /// The GlobalSecret with a key that signs user tokens.
  package static func userTokenSigningKey(_ keyID: String) -> String { keyed(userTokenSigningKeyPrefix, keyID) }

  /// The Secret with a key that signs dataplane tokens of a mesh.
  package static func dataplaneTokenSigningKey(mesh: String, _ keyID: String) -> String {
    keyed(dataplaneTokenSigningKeyPrefix(mesh: mesh), keyID)
  }

  /// The Secret that lists revoked dataplane tokens of a mesh: their ids, separated by commas.
  package static func dataplaneTokenRevocations(mesh: String) -> String { "dataplane-token-revocations-\(mesh)" }

  /// The Secret with a token by which spans of a mesh are accepted. The token with the highest number is the newest.
  package static func ingestToken(mesh: String, _ serial: Int) -> String {
    "\(ingestTokenPrefix(mesh: mesh))-\(serial)"
  }

  static let userTokenSigningKeyPrefix = "user-token-signing-key"
  static func dataplaneTokenSigningKeyPrefix(mesh: String) -> String { "dataplane-token-signing-key-\(mesh)" }
  static func ingestTokenPrefix(mesh: String) -> String { "trace-ingest-token-\(mesh)" }

  /// The name of the secret of a key. The key 0 is the one without a number, as in Kuma.
  private static func keyed(_ prefix: String, _ keyID: String) -> String {
    keyID == "0" ? prefix : "\(prefix)-\(keyID)"
  }

  /// The id of the key, or the number of the token, that a secret of the name holds; `nil` if it holds none.
  static func suffix(of name: String, after prefix: String) -> String? {
    if name == prefix { return "0" }
    guard name.hasPrefix(prefix + "-") else { return nil }
    let suffix = name.dropFirst(prefix.count + 1)
    return suffix.isEmpty || suffix == "0" ? nil : String(suffix)
  }
}
