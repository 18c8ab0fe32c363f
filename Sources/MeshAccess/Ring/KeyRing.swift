import Crypto
import Documents
package import MeshModel

/// All that tokens are checked with and signed by: signing keys, public keys, revocations and tokens for spans.
///
/// A value that is built of secrets. A check needs no I/O and no waiting, and nothing in a token can make it trap.
package struct KeyRing: Sendable {
  private let validation: TokenValidation
  private var meshes: [String: TokenKeys] = [:]
  private var users = TokenKeys()
  private var ingest = IngestTokens()
  private var verified = VerifiedTokens()

  /// Makes a ring without secrets.
  package init(_ validation: TokenValidation = TokenValidation()) { self.validation = validation }

  // MARK: Secrets

  /// Takes over a secret that is new or has changed. Secrets with other names are ignored.
  ///
  /// - Parameter mesh: the mesh of a Secret; empty for a GlobalSecret.
  /// - Returns: what is wrong with the secret, for the log; `nil` if all is well. A key that cannot be read verifies nothing.
  @discardableResult
  package mutating func add(secret name: String, mesh: String, data: [UInt8]) -> KeyFault? {
    if let suffix = SecretName.suffix(of: name, after: SecretName.ingestTokenPrefix(mesh: mesh)), !mesh.isEmpty {
      return ingest.add(String(decoding: data, as: UTF8.self), mesh: mesh, from: name, serial: Int(suffix) ?? 0)
    }
    if name == (mesh.isEmpty ? SecretName.userTokenRevocations : SecretName.dataplaneTokenRevocations(mesh: mesh)) {
      update(mesh) { $0.setRevocations(data) }
      return nil
    }
    guard let id = SecretName.suffix(of: name, after: keyPrefix(mesh)) else { return nil }
    verified = VerifiedTokens()
    return update(mesh) { $0.add(secret: name, keyID: id, data: data) }
  }

  /// Forgets a secret that was deleted.
  package mutating func remove(secret name: String, mesh: String) {
    if SecretName.suffix(of: name, after: SecretName.ingestTokenPrefix(mesh: mesh)) != nil, !mesh.isEmpty {
      ingest.remove(mesh: mesh, from: name)
    } else if name
      == (mesh.isEmpty ? SecretName.userTokenRevocations : SecretName.dataplaneTokenRevocations(mesh: mesh))
    {
      update(mesh) { $0.revoked = [] }
    } else if let id = SecretName.suffix(of: name, after: keyPrefix(mesh)) {
      verified = VerifiedTokens()
      update(mesh) { $0.stored[id] = nil }
    }
  }

  private func keyPrefix(_ mesh: String) -> String {
    mesh.isEmpty ? SecretName.userTokenSigningKeyPrefix : SecretName.dataplaneTokenSigningKeyPrefix(mesh: mesh)
  }

  private mutating func update<Value>(_ mesh: String, _ change: (inout TokenKeys) -> Value) -> Value {
    if mesh.isEmpty { return change(&users) }
    let value = change(&meshes[mesh, default: TokenKeys()])
    if meshes[mesh]?.isEmpty == true { meshes[mesh] = nil }
    return value
  }

  // MARK: Tokens

  /// Checks a dataplane token with the keys of a mesh. The claims remain to be compared with the Dataplane:
  /// ``DataplaneClaims/refusal(of:)``.
  package func verifyDataplaneToken(
    _ text: String, mesh: String, now: Timestamp
  ) -> Result<DataplaneToken, TokenRefusal> {
    Result { () throws(TokenRefusal) in
      let token = try verify(text, mesh: mesh, now: now)
      let claims = try token.dataplaneClaims()
      if !claims.mesh.isEmpty, claims.mesh != mesh { throw .wrongMesh(requested: mesh, allowed: claims.mesh) }
      return DataplaneToken(claims: claims, mesh: mesh, stamp: token.stamp)
    }
  }

  /// Checks a user token.
  package func verifyUserToken(_ text: String, now: Timestamp) -> Result<UserToken, TokenRefusal> {
    Result { () throws(TokenRefusal) in
      let token = try verify(text, mesh: "", now: now)
      return UserToken(user: try token.user(), stamp: token.stamp)
    }
  }

  /// Why a token that was accepted before does not count any more: it was revoked, or its key is gone. Dates are not looked at, so that
  /// a stream outlives its token's last day, as in Kuma.
  package func refusal(ofAccepted token: DataplaneToken) -> TokenRefusal? {
    refusal(ofAccepted: token.stamp, mesh: token.mesh)
  }

  /// Why a user token that was accepted before does not count any more.
  package func refusal(ofAccepted token: UserToken, now: Timestamp) -> TokenRefusal? {
    refusal(ofAccepted: token.stamp, mesh: "") ?? token.stamp.refusal(at: now)
  }

  private func refusal(ofAccepted stamp: TokenStamp, mesh: String) -> TokenRefusal? {
    switch key(stamp.keyID, mesh: mesh) {
    case .failure(let refusal): return refusal
    case .success(let key): if key.fingerprint != stamp.key { return .badSignature(keyID: stamp.keyID) }
    }
    return isRevoked(stamp.id, mesh: mesh) ? .revoked(id: stamp.id) : nil
  }

  private func verify(_ text: String, mesh: String, now: Timestamp) throws(TokenRefusal) -> VerifiedToken {
    let text = try TokenText.trimmed(text)
    let cached = VerifiedTokens.Key(text, mesh: mesh)
    let token: VerifiedToken
    if let known = verified.find(cached) {
      token = known
    } else {
      token = try VerifiedToken(text) { id in key(id, mesh: mesh) }
      verified.keep(token, for: cached)
    }
    if let refusal = token.stamp.refusal(at: now) { throw refusal }
    if isRevoked(token.stamp.id, mesh: mesh) { throw .revoked(id: token.stamp.id) }
    return token
  }

  private func isRevoked(_ id: String, mesh: String) -> Bool {
    !id.isEmpty && (mesh.isEmpty ? users : meshes[mesh])?.revoked.contains(id) == true
  }

  /// The key that an id names: a public key of the settings before one of the secrets, as in Kuma.
  private func key(_ id: String, mesh: String) -> Result<VerifyingKey, TokenRefusal> {
    if let key = validation.publicKey(id, mesh: mesh) { return .success(key) }
    let secret =
      mesh.isEmpty ? SecretName.userTokenSigningKey(id) : SecretName.dataplaneTokenSigningKey(mesh: mesh, id)
    guard validation.usesSecrets(mesh: mesh), let stored = (mesh.isEmpty ? users : meshes[mesh])?.stored[id] else {
      return .failure(.unknownKey(id: id, secret: secret, mesh: mesh))
    }
    return stored.map { .success($0.verifying) } ?? .failure(.unusableKey(id: id, secret: secret))
  }

  /// The key with the highest number, which signs new tokens; `nil` if there is none. The numbers are the ends of the secrets' names.
  ///
  /// - Parameter mesh: the mesh; empty for the key of user tokens.
  package func newestSigningKey(mesh: String) -> SigningKey? {
    (mesh.isEmpty ? users : meshes[mesh])?.newest
  }

  // MARK: Tokens for spans

  /// The mesh whose spans a token for spans lets in; `nil` if it lets in none. The time that a check takes says nothing of the tokens.
  package func verifyIngestToken(_ text: String) -> String? {
    (try? TokenText.trimmed(text)).flatMap { ingest.mesh(of: $0) }
  }

  /// The token for spans with the highest number, which proxies of the mesh send; `nil` if the mesh has none.
  package func newestIngestToken(mesh: String) -> String? { ingest.newest(mesh: mesh) }

  /// The newest token for spans of each mesh that has one.
  package var newestIngestTokens: [String: String] { ingest.newest }

  /// Adds a token for spans that is in no secret, for a collector without a store.
  ///
  /// - Parameter source: where it is, for messages. A token from the same place is replaced.
  @discardableResult
  package mutating func add(ingestToken text: String, mesh: String, source: String) -> KeyFault? {
    ingest.add(text, mesh: mesh, from: source, serial: 0)
  }
}
