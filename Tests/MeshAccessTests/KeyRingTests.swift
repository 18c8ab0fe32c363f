import JWTKit
import MeshModel
import MeshTestSupport
import Testing

@testable import MeshAccess

@Suite("Key rings") struct KeyRingTests {
  private let foreign = ForeignTokens.shared
  private let now = ForeignTokens.now

  private func signingKey(_ name: String, id: String) throws -> SigningKey {
    try SigningKey(id: id, data: foreign.key(name))
  }

  @Test("keys are rotated without a gap: the newest signs, all that are there verify, the old one is deleted last")
  func rotation() async throws {
    var ring = KeyRing()
    ring.add(secret: "dataplane-token-signing-key-default-1", mesh: "default", data: foreign.key("dataplane-1"))
    let first = try #require(ring.newestSigningKey(mesh: "default"))
    let old = try await first.sign(DataplaneClaims(mesh: "default"), validFor: .seconds(60), now: now)
    ring.add(secret: "dataplane-token-signing-key-default-2", mesh: "default", data: foreign.key("dataplane-2"))
    let second = try #require(ring.newestSigningKey(mesh: "default"))
    #expect(second.id == "2")
    let new = try await second.sign(DataplaneClaims(mesh: "default"), validFor: .seconds(60), now: now)
    #expect(ring.verifyDataplaneToken(old, mesh: "default", now: now).failure == nil)
    let accepted = try ring.verifyDataplaneToken(new, mesh: "default", now: now).get()
    #expect(accepted.stamp.keyID == "2")

    let oldToken = try ring.verifyDataplaneToken(old, mesh: "default", now: now).get()
    ring.remove(secret: "dataplane-token-signing-key-default-1", mesh: "default")
    let gone = TokenRefusal.unknownKey(id: "1", secret: "dataplane-token-signing-key-default-1", mesh: "default")
    #expect(ring.verifyDataplaneToken(old, mesh: "default", now: now).failure == gone)
    #expect(ring.refusal(ofAccepted: oldToken) == gone)
    #expect(ring.refusal(ofAccepted: accepted) == nil)
  }

  @Test("the newest key is that with the highest number, not the last in the alphabet")
  func newest() {
    var ring = KeyRing()
    for id in ["2", "10", "9", "name"] {
      ring.add(secret: "user-token-signing-key-\(id)", mesh: "", data: foreign.key("user-1"))
    }
    #expect(ring.newestSigningKey(mesh: "")?.id == "10")
    #expect(ring.newestSigningKey(mesh: "default") == nil)
  }

  @Test("a key that takes the place of another under the same id ends what the other had verified")
  func replacedKey() throws {
    var ring = foreign.ring
    let token = try ring.verifyDataplaneToken(foreign.token("name"), mesh: "default", now: now).get()
    ring.add(secret: "dataplane-token-signing-key-default-1", mesh: "default", data: foreign.key("stranger"))
    #expect(ring.refusal(ofAccepted: token) == .badSignature(keyID: "1"))
    #expect(foreign.refusal("name", in: ring) == .badSignature(keyID: "1"))
    #expect(foreign.refusal("stranger's key", in: ring) == nil)
  }

  @Test("a revoked token does not count any more, and counts again when the list is taken back")
  func revocation() throws {
    var ring = foreign.ring
    let token = try ring.verifyDataplaneToken(foreign.token("name"), mesh: "default", now: now).get()
    for list in ["b3b2a1f0-0001", "a,b3b2a1f0-0001,c\n", "a\nb3b2a1f0-0001\n", " b3b2a1f0-0001 , z"] {
      ring.add(secret: "dataplane-token-revocations-default", mesh: "default", data: Array(list.utf8))
      #expect(ring.refusal(ofAccepted: token) == .revoked(id: "b3b2a1f0-0001"), "\(list)")
      #expect(foreign.refusal("name", in: ring) == .revoked(id: "b3b2a1f0-0001"))
    }
    #expect(foreign.refusal("no jti", in: ring) == nil)
    #expect(foreign.refusal("user", in: ring) == nil)
    for list in ["", ",,\n", "b3b2a1f0-00011"] {
      ring.add(secret: "dataplane-token-revocations-default", mesh: "default", data: Array(list.utf8))
      #expect(ring.refusal(ofAccepted: token) == nil, "\(list)")
      #expect(foreign.refusal("no jti", in: ring) == nil)
    }
    ring.add(
      secret: "dataplane-token-revocations-default", mesh: "default", data: Array("b3b2a1f0-0001".utf8))
    ring.remove(secret: "dataplane-token-revocations-default", mesh: "default")
    #expect(ring.refusal(ofAccepted: token) == nil)
  }

  @Test("user tokens have their own list of revoked tokens") func userRevocation() throws {
    var ring = foreign.ring
    let token = try ring.verifyUserToken(foreign.token("user"), now: now).get()
    ring.add(secret: "user-token-revocations", mesh: "", data: Array("b3b2a1f0-0002".utf8))
    #expect(ring.refusal(ofAccepted: token, now: now) == .revoked(id: "b3b2a1f0-0002"))
    #expect(foreign.refusal("user", in: ring) == .revoked(id: "b3b2a1f0-0002"))
    let later = Timestamp(seconds: now.seconds + 7200)
    ring.remove(secret: "user-token-revocations", mesh: "")
    #expect(ring.refusal(ofAccepted: token, now: later) == .expired(Timestamp(seconds: now.seconds + 3600)))
  }

  @Test("a secret counts only in the mesh that its name and its place agree on") func places() {
    var ring = KeyRing()
    let key = foreign.key("dataplane-1")
    ring.add(secret: "dataplane-token-signing-key-default-1", mesh: "other", data: key)
    ring.add(secret: "dataplane-token-signing-key-default-1", mesh: "", data: key)
    ring.add(secret: "user-token-signing-key-1", mesh: "default", data: key)
    ring.add(secret: "dataplane-token-signing-key-default", mesh: "other", data: key)
    ring.add(secret: "dataplane-token-signing-key-defaults-1", mesh: "default", data: key)
    #expect(["", "default", "other"].allSatisfy { ring.newestSigningKey(mesh: $0) == nil })
    // A mesh whose name begins as another's.
    ring.add(secret: "dataplane-token-signing-key-a-b-1", mesh: "a-b", data: key)
    #expect(ring.newestSigningKey(mesh: "a-b")?.id == "1")
    #expect(ring.newestSigningKey(mesh: "a") == nil)
    // The key 0 is the one without a number, as in Kuma.
    ring.add(secret: "dataplane-token-signing-key-default", mesh: "default", data: key)
    #expect(ring.newestSigningKey(mesh: "default")?.id == "0")
  }

  @Test(
    "a secret that is not a key is named, verifies nothing, and says so",
    arguments: ["", "key", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----"])
  func brokenSecret(text: String) {
    var ring = foreign.ring
    let fault = ring.add(
      secret: "dataplane-token-signing-key-default-1", mesh: "default", data: Array(text.utf8))
    #expect(
      fault?.description
        == "the secret \"dataplane-token-signing-key-default-1\" cannot be used as a signing key: "
        + "it is not an RSA private key of 2048 to 8192 bits in PEM form")
    #expect(
      foreign.refusal("name", in: ring) == .unusableKey(id: "1", secret: "dataplane-token-signing-key-default-1"))
    #expect(ring.newestSigningKey(mesh: "default")?.id == "2")
  }

  @Test("keys are read in the forms that Kuma and OpenSSL write, and nothing else is taken for one") func keyForms()
    throws
  {
    let key = try signingKey("dataplane-1", id: "1")
    #expect(key.privatePEM.hasPrefix("-----BEGIN RSA PRIVATE KEY-----\n"))
    #expect(key.publicPEM.hasPrefix("-----BEGIN RSA PUBLIC KEY-----\n"))
    #expect(Array(key.privatePEM.utf8) == foreign.key("dataplane-1"))
    #expect(Array(key.publicPEM.utf8) == foreign.key("dataplane-1", "public"))
    for form in ["public", "spki"] {
      let pem = String(decoding: foreign.key("dataplane-1", form), as: UTF8.self)
      #expect(try VerifyingKey(id: "1", publicPEM: pem).fingerprint == key.verifying.fingerprint)
      #expect(throws: KeyFault.self) { try SigningKey(id: "1", data: Array(pem.utf8)) }
    }
    let pem = String(decoding: foreign.key("dataplane-1"), as: UTF8.self)
    let fault = #expect(throws: KeyFault.self) { try VerifyingKey(id: "1", publicPEM: pem) }
    #expect(fault?.description.contains("it is a private key") == true)
    #expect(throws: KeyFault.self) { try VerifyingKey(id: "1", publicPEM: "key") }
  }

  @Test("public keys of the settings verify before secrets, for one mesh or for all; two with one id are refused")
  func publicKeys() throws {
    func key(_ name: String, _ id: String) throws -> VerifyingKey {
      try VerifyingKey(id: id, publicPEM: String(decoding: foreign.key(name, "public"), as: UTF8.self))
    }
    var validation = TokenValidation(dataplaneSecrets: false, userSecrets: false)
    try validation.add(dataplaneKey: key("dataplane-1", "1"), mesh: "default")
    try validation.add(dataplaneKey: key("dataplane-2", "2"), mesh: "")
    try validation.add(userKey: key("user-1", "1"))
    #expect(throws: KeyFault.self) { try validation.add(dataplaneKey: key("stranger", "1"), mesh: "default") }
    #expect(throws: KeyFault.self) { try validation.add(userKey: key("stranger", "1")) }
    var ring = KeyRing(validation)
    #expect(foreign.refusal("name", in: ring) == nil)
    #expect(foreign.refusal("second key", in: ring) == nil)
    #expect(foreign.refusal("user", in: ring) == nil)
    #expect(foreign.refusal("stranger's key", in: ring) == .badSignature(keyID: "1"))
    // Secrets verify nothing with useSecrets: false, and do not take the place of a public key with it.
    ring.add(secret: "dataplane-token-signing-key-other-1", mesh: "other", data: foreign.key("other-mesh-1"))
    #expect(
      foreign.refusal("other mesh's key", mesh: "other", in: ring)
        == .unknownKey(id: "1", secret: "dataplane-token-signing-key-other-1", mesh: "other"))
    var both = KeyRing(
      {
        var validation = TokenValidation()
        try? validation.add(dataplaneKey: key("dataplane-1", "1"), mesh: "default")
        return validation
      }())
    both.add(secret: "dataplane-token-signing-key-default-1", mesh: "default", data: foreign.key("stranger"))
    #expect(foreign.refusal("name", in: both) == nil)
    #expect(foreign.refusal("stranger's key", in: both) == .badSignature(keyID: "1"))
  }

  @Test("tokens of ours are what Kuma's are, and another library verifies them") func issued() async throws {
    let key = try signingKey("dataplane-1", id: "1")
    let claims = DataplaneClaims(
      name: "web-1", mesh: "default", tags: ["kuma.io/service": ["web", "api"]], proxyType: "dataplane")
    let text = try await key.sign(claims, validFor: .seconds(3600), now: now)
    let token = try foreign.ring.verifyDataplaneToken(text, mesh: "default", now: now).get()
    #expect(token.claims == claims)
    #expect(token.stamp.issued == now)
    #expect(token.stamp.notBefore == Timestamp(seconds: now.seconds - 300))
    #expect(token.stamp.expires == Timestamp(seconds: now.seconds + 3600))
    #expect(token.stamp.id.count == 36)

    struct Payload: JWTPayload {
      enum CodingKeys: String, CodingKey {
        case name = "Name"
        case mesh = "Mesh"
        case tags = "Tags"
        case type = "Type"
        case exp, nbf, iat, jti
      }
      var name: String
      var mesh: String
      var tags: [String: [String]]
      var type: String
      var exp: Int
      var nbf: Int
      var iat: Int
      var jti: String
      func verify(using algorithm: some JWTAlgorithm) throws {}
    }
    let keys = try await JWTKeyCollection().add(
      rsa: Insecure.RSA.PublicKey(pem: String(decoding: foreign.key("dataplane-1", "spki"), as: UTF8.self)),
      digestAlgorithm: .sha256, kid: "1")
    let payload = try await keys.verify(text, as: Payload.self)
    #expect(payload.tags == ["kuma.io/service": ["api", "web"]])
    #expect(payload.name == "web-1" && payload.mesh == "default" && payload.type == "dataplane")
    #expect(payload.exp == 1_893_459_600 && payload.nbf == 1_893_455_700 && payload.iat == 1_893_456_000)

    let user = User(name: "ann", groups: ["team-a"])
    let userText = try await signingKey("user-1", id: "1").sign(user, validFor: .seconds(60), now: now)
    let known = try foreign.ring.verifyUserToken(userText, now: now).get().user
    #expect(known == User(name: "ann", groups: ["team-a", User.authenticatedGroup]))
    #expect(foreign.ring.verifyDataplaneToken(userText, mesh: "default", now: now).failure == .badSignature(keyID: "1"))
  }

  @Test("a token that would be too long to be read is not issued") func tooLarge() async throws {
    let groups = Set((0..<3_000).map { "group-\($0)" })
    let key = try signingKey("user-1", id: "1")
    await #expect(throws: TokenIssueError.tooLarge) {
      try await key.sign(User(name: "ann", groups: groups), validFor: .seconds(60), now: now)
    }
  }

  @Test("a new key signs tokens that it verifies") func newKey() async throws {
    let key = try SigningKey.generate(id: "1")
    var ring = KeyRing()
    #expect(ring.add(secret: "user-token-signing-key-1", mesh: "", data: Array(key.privatePEM.utf8)) == nil)
    let text = try await key.sign(User.admin, validFor: .seconds(60), now: now)
    #expect(ring.verifyUserToken(text, now: now).failure == nil)
    #expect(foreign.ring.verifyUserToken(text, now: now).failure == .badSignature(keyID: "1"))
  }
}
