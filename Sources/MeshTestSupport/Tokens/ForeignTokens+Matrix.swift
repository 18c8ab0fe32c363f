package import MeshAccess
import MeshModel

extension ForeignTokens {
  /// Every token that counts.
  package static let accepted = [
    "mesh only", "name", "tags", "type dataplane", "type ingress", "no mesh", "second key", "no jti",
    "exp with a fraction", "no typ", "ends at the year 9999 and later", "user", "user without groups",
    "user of the first administrator", "keys in the header, our signature",
  ]

  private static let unknown = TokenRefusal.unknownKey(
    id: "9", secret: "dataplane-token-signing-key-default-9", mesh: "default")

  /// Every token that does not count, and why.
  package static let refused: [(name: String, why: TokenRefusal)] =
    [
      ("revoked", .revoked(id: "b3b2a1f0-revoked")),
      ("other mesh's key", .badSignature(keyID: "1")),
      ("expired", .expired(Timestamp(seconds: 1_893_455_999))),
      ("expires now", .expired(Timestamp(seconds: 1_893_456_000))),
      ("not yet valid", .notYetValid(Timestamp(seconds: 1_893_456_060))),
      ("issued in the future", .issuedInFuture(Timestamp(seconds: 1_893_459_600))),
      ("no exp", .missingClaim("exp")),
      ("exp is text", .missingClaim("exp")),
      ("nbf is text", .missingClaim("nbf")),
      ("name is a number", .missingClaim("Name")),
      ("tags are a list", .missingClaim("Tags")),
      ("tag is text", .missingClaim("Tags")),
      ("jti is a number", .missingClaim("jti")),
      ("payload is a list", .malformed("its payload is not a JSON object")),
      ("user without a name", .missingClaim("Name")),
      ("groups are text", .missingClaim("Groups")),
      ("stranger's key", .badSignature(keyID: "1")),
      ("stranger's key, user", .badSignature(keyID: "1")),
      ("unknown kid", unknown),
      ("unknown kid, user", .unknownKey(id: "9", secret: "user-token-signing-key-9", mesh: "")),
      (
        "kid with a path",
        .unknownKey(id: "../../1", secret: "dataplane-token-signing-key-default-../../1", mesh: "default")
      ),
      ("no kid", .noKeyID), ("kid is empty", .noKeyID), ("kid is a number", .noKeyID), ("kid is a list", .noKeyID),
      ("second key, first kid", .badSignature(keyID: "1")),
      ("dataplane token as user", .badSignature(keyID: "1")),
      ("user token as dataplane", .badSignature(keyID: "1")),
      ("jwk in the header", .badSignature(keyID: "1")), ("jku in the header", .badSignature(keyID: "1")),
      ("x5u in the header", .badSignature(keyID: "1")), ("x5c in the header", .badSignature(keyID: "1")),
      ("jwk in the header, no kid", .noKeyID),
    ] + algorithms + forms

  private static let algorithms: [(name: String, why: TokenRefusal)] =
    ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "none", "None", "NONE", "nOnE", "rs256"]
    .map { ("alg \($0)", .wrongAlgorithm($0)) }
    + ["PKCS #1", "SPKI", "private"].flatMap { form in
      ["HS256", "HS384", "HS512"].map { ("alg \($0), key: \(form)", .wrongAlgorithm($0)) }
        + [("alg HS256, key: \(form), user", .wrongAlgorithm("HS256"))]
    } + [
      ("alg none, user", .wrongAlgorithm("none")),
      ("alg none, signature of ours", .wrongAlgorithm("none")),
      ("no alg", .wrongAlgorithm("")), ("alg is a list", .wrongAlgorithm("")),
      ("RS256 in name, PSS in fact", .badSignature(keyID: "1")),
      ("RS256 in name, SHA-512 in fact", .badSignature(keyID: "1")),
      ("crit", .criticalHeader), ("crit is empty", .criticalHeader),
    ]

  private static let forms: [(name: String, why: TokenRefusal)] = [
    ("encrypted to our key", .malformed("it does not have three parts, separated by dots")),
    ("JSON form", .malformed("it does not have three parts, separated by dots")),
    ("two parts", .malformed("it does not have three parts, separated by dots")),
    ("four parts", .malformed("it does not have three parts, separated by dots")),
    ("text", .malformed("it does not have three parts, separated by dots")),
    ("dots", .malformed("its header is not a JSON object")),
    ("empty signature", .badSignature(keyID: "1")), ("zeros for a signature", .badSignature(keyID: "1")),
    ("signature cut", .badSignature(keyID: "1")), ("signature twice as long", .badSignature(keyID: "1")),
    ("payload of another token", .badSignature(keyID: "1")),
    ("padding", .malformed("its signature is not base64url")),
    ("space inside", .badSignature(keyID: "1")),
    ("header is not JSON", .malformed("its header is not a JSON object")),
    ("header is a list", .malformed("its header is not a JSON object")),
    ("header is text", .malformed("its header is not a JSON object")),
  ]
}
