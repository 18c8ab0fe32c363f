import JWTKit
import MeshModel
import MeshTestSupport
import Testing

@testable import MeshAccess

/// What JWTKit does with the ids of keys, which is why it signs tokens here and does not check them. If a test fails, a newer version
/// does it otherwise, and the reasons of the decision about tokens have to be looked at again.
@Suite("JWTKit") struct JWTKitTests {
  private struct Payload: JWTPayload {
    func verify(using algorithm: some JWTAlgorithm) throws {}
  }

  private let foreign = ForeignTokens.shared

  private func key(_ name: String) throws -> Insecure.RSA.PublicKey {
    try Insecure.RSA.PublicKey(pem: String(decoding: foreign.key(name, "spki"), as: UTF8.self))
  }

  @Test("takes the first key for an id that it does not know, and for none; a ring does not")
  func unknownID() async throws {
    let keys = await JWTKeyCollection().add(
      rsa: try key("dataplane-1"), digestAlgorithm: .sha256, kid: "another id")
    for name in ["mesh only", "unknown kid", "no kid"] {
      _ = try await keys.verify(foreign.token(name), as: Payload.self)
    }
    let refusals = ["unknown kid", "no kid"].map { foreign.refusal($0) }
    #expect(refusals.allSatisfy { $0 != nil } && Set(refusals).count == 2)
  }

  @Test("replaces a key whose id is given twice; settings with two keys of one id are refused here")
  func twice() async throws {
    let keys = await JWTKeyCollection()
      .add(rsa: try key("dataplane-1"), digestAlgorithm: .sha256, kid: "1")
      .add(rsa: try key("stranger"), digestAlgorithm: .sha256, kid: "1")
    _ = try await keys.verify(foreign.token("stranger's key"), as: Payload.self)
    await #expect(throws: (any Error).self) { try await keys.verify(foreign.token("mesh only"), as: Payload.self) }
  }

  @Test("does not look at dates by itself") func dates() async throws {
    let keys = await JWTKeyCollection().add(rsa: try key("dataplane-1"), digestAlgorithm: .sha256, kid: "1")
    _ = try await keys.verify(foreign.token("expired"), as: Payload.self)
    #expect(foreign.refusal("expired") != nil)
  }
}
