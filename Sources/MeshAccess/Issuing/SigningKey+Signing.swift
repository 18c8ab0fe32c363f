import Foundation
import JWTKit
package import MeshModel

/// Why a token was not issued.
package enum TokenIssueError: Error, Sendable, Hashable {
  /// The settings turn the issuer off.
  case disabled
  /// There is no key to sign with; the message names the secret.
  case noSigningKey(secret: String, mesh: String)
  /// The token would be longer than those that are read.
  case tooLarge
  /// Something else failed, such as the store.
  case failed(String)

  /// What is wrong, in Kuma's words where it has them.
  package var message: String {
    switch self {
    case .disabled: "issuing tokens using the control plane is disabled."
    case .noSigningKey(let secret, ""):
      "there is no signing key with KID \(SecretName.firstKeyID). GlobalSecret of name \(secret.quoted) is not found. "
        + "If signing key was rotated, regenerate the token"
    case .noSigningKey(let secret, let mesh):
      "there is no signing key with KID \(SecretName.firstKeyID). Secret of name \(secret.quoted) in mesh \(mesh.quoted) "
        + "is not found. If signing key was rotated, regenerate the token"
    case .tooLarge: "the token would be longer than \(TokenText.limit) bytes; name fewer tags or groups"
    case .failed(let reason): reason
    }
  }
}

extension SigningKey {
  /// Issues a dataplane token.
  package func sign(
    _ claims: DataplaneClaims, validFor: Duration, now: Timestamp
  ) async throws(TokenIssueError) -> String {
    var payload = TokenPayload(name: claims.name, validFor: validFor, now: now)
    payload.mesh = claims.mesh
    payload.tags = claims.tags.mapValues { $0.sorted() }
    payload.type = claims.proxyType
    return try await sign(payload)
  }

  /// Issues a user token.
  package func sign(_ user: User, validFor: Duration, now: Timestamp) async throws(TokenIssueError) -> String {
    var payload = TokenPayload(name: user.name, validFor: validFor, now: now)
    payload.groups = user.groups.sorted()
    return try await sign(payload)
  }

  private func sign(_ payload: TokenPayload) async throws(TokenIssueError) -> String {
    let token: String
    do {
      let kid = JWKIdentifier(string: id)
      let keys = await JWTKeyCollection().add(
        rsa: try Insecure.RSA.PrivateKey(backing: key), digestAlgorithm: .sha256, kid: kid)
      token = try await keys.sign(payload, kid: kid)
    } catch {
      throw .failed("the token could not be signed: \(error)")
    }
    guard token.utf8.count <= TokenText.limit else { throw .tooLarge }
    return token
  }
}

/// The claims of a new token under Kuma's names; those that are `nil` are left out. Source: Kuma 2.7, `DataplaneClaims`, `UserClaims`,
/// `jwtTokenIssuer`.
private struct TokenPayload: JWTPayload {
  var name: String
  var mesh: String?
  var tags: [String: [String]]?
  var type: String?
  var groups: [String]?
  var id = UUID().uuidString.lowercased()
  var issued: Int64
  var notBefore: Int64
  var expires: Int64

  enum CodingKeys: String, CodingKey {
    case name = "Name"
    case mesh = "Mesh"
    case tags = "Tags"
    case type = "Type"
    case groups = "Groups"
    case id = "jti"
    case issued = "iat"
    case notBefore = "nbf"
    case expires = "exp"
  }

  init(name: String, validFor: Duration, now: Timestamp) {
    self.name = name
    issued = now.seconds
    notBefore = now.seconds - TokenStamp.skew
    let (sum, overflow) = now.seconds.addingReportingOverflow(validFor.components.seconds)
    expires = overflow ? .max : sum
  }

  /// Tokens are not checked here: ``VerifiedToken``.
  func verify(using algorithm: some JWTAlgorithm) throws { throw JWTError.signatureVerificationFailed }
}
