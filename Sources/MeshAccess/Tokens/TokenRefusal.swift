package import Documents

/// Why a token does not count. The reason is for the log, and never for the answer: whoever guesses learns nothing.
package enum TokenRefusal: Error, Sendable, Hashable {
  /// There is no token.
  case empty
  /// The text is longer than 16 KiB.
  case tooLong(bytes: Int)
  /// The text is not a JSON Web Token. The message says what is wrong with it.
  case malformed(String)
  /// The header names another algorithm than RS256.
  case wrongAlgorithm(String)
  /// The header has a part that has to be understood, and is not (`crit`).
  case criticalHeader
  /// The header names no key.
  case noKeyID
  /// No key has the id that the header names. The secret is the one that would hold it.
  case unknownKey(id: String, secret: String, mesh: String)
  /// The secret that holds the key does not hold a usable key.
  case unusableKey(id: String, secret: String)
  /// The signature is not that of the key.
  case badSignature(keyID: String)
  /// A claim that has to be there is missing, or has a value of another kind.
  case missingClaim(String)
  /// The token is not valid yet.
  case notYetValid(Timestamp)
  /// The token is dated in the future.
  case issuedInFuture(Timestamp)
  /// The token is not valid any more.
  case expired(Timestamp)
  /// The token was revoked.
  case revoked(id: String)
  /// The token is for another Dataplane.
  case wrongName(requested: String, allowed: String)
  /// The token is for another mesh.
  case wrongMesh(requested: String, allowed: String)
  /// The Dataplane lacks a tag that the token requires.
  case missingTag(String)
  /// The Dataplane has a value of a tag that the token does not allow.
  case wrongTag(String, value: String, allowed: [String])
  /// The token is for another kind of proxy.
  case wrongType(String)

  /// The reason in words, on one line. What comes from the token is printable and short.
  package var reason: String {
    func shown(_ text: String) -> String { String(String.UnicodeScalarView(text.unicodeScalars.prefix(200))).quoted }
    switch self {
    case .empty: return "there is no token"
    case .tooLong(let bytes): return "the token has \(bytes) bytes; at most \(TokenText.limit) are read"
    case .malformed(let fault): return "the token is malformed: \(fault)"
    case .wrongAlgorithm(let name): return "unsupported token alg \(shown(name)); only RS256 is allowed"
    case .criticalHeader: return "the token's header has \"crit\", of which nothing is supported"
    case .noKeyID: return "the token's header has no kid"
    case .unknownKey(let id, let secret, let mesh):
      let place = mesh.isEmpty ? "GlobalSecret \(shown(secret))" : "Secret \(shown(secret)) in mesh \(shown(mesh))"
      return "there is no signing key with KID \(shown(id)): \(place) is not found; "
        + "if the signing key was rotated, generate the token again"
    case .unusableKey(let id, let secret):
      return
        "the signing key with KID \(shown(id)) cannot be used: the secret \(shown(secret)) is not an RSA key in PEM form"
    case .badSignature(let id): return "the token's signature is not that of the signing key with KID \(shown(id))"
    case .missingClaim(let name): return "the token has no valid claim \(shown(name))"
    case .notYetValid(let time): return "the token is not valid before \(time)"
    case .issuedInFuture(let time): return "the token was issued at \(time), which is in the future"
    case .expired(let time): return "the token expired at \(time)"
    case .revoked(let id): return "the token with id \(shown(id)) is revoked"
    case .wrongName(let requested, let allowed):
      return "proxy name from requestor: \(shown(requested)) is different than in token: \(shown(allowed))"
    case .wrongMesh(let requested, let allowed):
      return "proxy mesh from requestor: \(shown(requested)) is different than in token: \(shown(allowed))"
    case .missingTag(let tag): return "dataplane has no tag \(shown(tag)) required by the token"
    case .wrongTag(let tag, let value, let allowed):
      let values = allowed.prefix(10).map(shown).joined(separator: " ")
      return "dataplane contains tag \(shown(tag)) with value \(shown(value)) which is not allowed with this token; "
        + "allowed values in token are [\(values)]"
    case .wrongType(let type): return "the token is for a proxy of type \(shown(type)), not for a dataplane"
    }
  }
}
