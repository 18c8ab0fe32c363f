import MeshModel
import MeshTestSupport
import Testing

@testable import MeshAccess

@Suite("Tokens of other software") struct TokenMatrixTests {
  private let foreign = ForeignTokens.shared

  @Test("a token that Kuma's keys signed counts", arguments: ForeignTokens.accepted) func counts(name: String) {
    #expect(foreign.refusal(name) == nil)
  }

  @Test("a token that does not count is refused with its own reason", arguments: ForeignTokens.refused.map(\.name))
  func isRefused(name: String) {
    #expect(foreign.refusal(name) == ForeignTokens.refused.first { $0.name == name }?.why)
  }

  @Test("no token of the fixture is left out") func complete() {
    #expect(Set(ForeignTokens.accepted + ForeignTokens.refused.map(\.name)) == Set(foreign.names))
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
