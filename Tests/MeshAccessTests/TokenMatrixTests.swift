import MeshModel
import Testing

@testable import MeshAccess

@Suite("Tokens of other software") struct TokenMatrixTests {
  private let foreign = ForeignTokens.shared

  /// Every token that counts.
  static let accepted = [
    "mesh only", "name", "tags", "type dataplane", "type ingress", "no mesh", "second key", "no jti",
    "exp with a fraction", "no typ", "ends at the year 9999 and later", "user", "user without groups",
    "user of the first administrator", "keys in the header, our signature",
  ]

  private static let unknown = TokenRefusal.unknownKey(
    id: "9", secret: "dataplane-token-signing-key-default-9", mesh: "default")

  /// Every token that does not count, and why.
  static let refused: [(name: String, why: TokenRefusal)] =
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

  @Test("a token that Kuma's keys signed counts", arguments: accepted) func counts(name: String) {
    #expect(foreign.refusal(name) == nil)
  }

  @Test("a token that does not count is refused with its own reason", arguments: refused.map(\.name))
  func isRefused(name: String) {
    #expect(foreign.refusal(name) == Self.refused.first { $0.name == name }?.why)
  }

  @Test("no token of the fixture is left out") func complete() {
    #expect(Set(Self.accepted + Self.refused.map(\.name)) == Set(foreign.names))
    #expect(foreign.names.count > 90)
  }

  @Test("a token for one mesh does not count in another, whose keys differ") func meshes() {
    #expect(foreign.refusal("other mesh's key", mesh: "other") == nil)
    #expect(foreign.refusal("mesh only", mesh: "other") == .badSignature(keyID: "1"))
    #expect(
      foreign.refusal("second key", mesh: "other")
        == .unknownKey(id: "2", secret: "dataplane-token-signing-key-other-2", mesh: "other"))
    #expect(
      foreign.refusal("mesh only", mesh: "none")
        == .unknownKey(id: "1", secret: "dataplane-token-signing-key-none-1", mesh: "none"))
  }

  @Test("a key that two meshes share does not make a token for one count in the other") func sharedKey() {
    var ring = foreign.ring
    ring.add(secret: "dataplane-token-signing-key-other-1", mesh: "other", data: foreign.key("dataplane-1"))
    #expect(
      foreign.refusal("mesh only", mesh: "other", in: ring) == .wrongMesh(requested: "other", allowed: "default"))
    #expect(foreign.refusal("no mesh", mesh: "other", in: ring) == nil)
  }

  @Test("claims and dates are those of the token") func claims() throws {
    let token = try foreign.ring.verifyDataplaneToken(
      foreign.token("tags"), mesh: "default", now: ForeignTokens.now
    ).get()
    #expect(token.claims.mesh == "default")
    #expect(token.claims.tags == ["kuma.io/service": ["web", "web-api"], "region": ["eu"]])
    #expect(token.stamp.id == "b3b2a1f0-0001")
    #expect(token.stamp.keyID == "1")
    #expect(token.stamp.expires == Timestamp(seconds: 1_893_459_600))
    let user = try foreign.ring.verifyUserToken(foreign.token("user"), now: ForeignTokens.now).get().user
    #expect(user == User(name: "ann", groups: ["team-a", "team-b", User.authenticatedGroup]))
  }

  @Test("white space around a token, as files have it, does not matter; without anything else it is no token")
  func spaces() {
    let text = foreign.token("mesh only")
    for text in ["\(text)\n", "\(text)\r\n", "  \(text)\t", "\n\(text)"] {
      #expect((try? foreign.ring.verifyDataplaneToken(text, mesh: "default", now: ForeignTokens.now).get()) != nil)
    }
    for text in ["", " ", "\n"] {
      #expect(foreign.ring.verifyUserToken(text, now: ForeignTokens.now) == .failure(.empty))
    }
  }

  @Test("a token that was accepted is remembered for its mesh and its ring only, and its dates are compared each time")
  func remembered() {
    var ring = foreign.ring
    ring.add(secret: "dataplane-token-signing-key-other-1", mesh: "other", data: foreign.key("other-mesh-1"))
    #expect(foreign.refusal("name", in: ring) == nil)
    #expect(foreign.refusal("name", mesh: "other", in: ring) == .badSignature(keyID: "1"))
    let later = Timestamp(seconds: ForeignTokens.now.seconds + 3600)
    #expect(
      ring.verifyDataplaneToken(foreign.token("name"), mesh: "default", now: later).failure == .expired(later))
    ring.remove(secret: "dataplane-token-signing-key-default-1", mesh: "default")
    #expect(
      foreign.refusal("name", in: ring)
        == .unknownKey(id: "1", secret: "dataplane-token-signing-key-default-1", mesh: "default"))
  }

  @Test("text of any size and kind is refused within its bound, and reasons are one short line")
  func hostile() {
    let good = foreign.token("mesh only")
    var texts = [
      String(repeating: "a", count: 16 << 10), String(repeating: ".", count: 16 << 10),
      String(repeating: "e\u{301}", count: 5_000), "\(good)\u{0}", "\u{202e}\(good)", "🦆.🦆.🦆",
      String(repeating: "\n", count: 20 << 10),
    ]
    for index in good.indices where good.utf8.distance(from: good.startIndex, to: index) % 7 == 0 {
      var text = good
      text.replaceSubrange(index...index, with: good[index] == "A" ? "B" : "A")
      if text != good { texts.append(text) }
      texts.append(String(good[..<index]))
    }
    for text in texts {
      let refusal = foreign.ring.verifyDataplaneToken(text, mesh: "default", now: ForeignTokens.now).failure
      #expect(refusal != nil, "\(text.prefix(40))")
      #expect(refusal.map { $0.reason.utf8.count < 1_000 && !$0.reason.contains("\n") } == true)
    }
    #expect(
      foreign.ring.verifyUserToken(String(repeating: "a", count: 16385), now: ForeignTokens.now)
        == .failure(.tooLong(bytes: 16385)))
  }
}

extension Result {
  var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
