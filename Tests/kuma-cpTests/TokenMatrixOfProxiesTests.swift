import MeshAccess
import MeshModel
import MeshTestSupport
import MeshXDS
import Testing

@testable import kuma_cp

/// Every dataplane token that does not count, shown by a proxy: the log has its reason, and the proxy gets the same sentence for all.
@Suite("Tokens of other software, of proxies") struct TokenMatrixOfProxiesTests {
  private static let foreign = ForeignTokens.shared
  private static let authenticator: TokenAuthenticator = {
    let ring = foreign.ring
    return TokenAuthenticator(
      keys: { ring }, keyChanges: { AsyncStream { $0.finish() } }, now: { ForeignTokens.now })
  }()

  private func refusal(_ name: String, nodeID: String = "default.web-1") async -> SessionRefusal? {
    do {
      let proof = ProxyProof(nodeID: nodeID, token: Self.foreign.token(name))
      _ = try await Self.authenticator.authenticate(proof)
      return nil
    } catch {
      return error
    }
  }

  @Test(
    "a token that does not count is refused with its reason for the log, and one message for all",
    arguments: ForeignTokens.refused.map(\.name).filter { !ForeignTokens.isShownByUser($0) })
  func refused(name: String) async throws {
    let refusal = try #require(await refusal(name))
    let why = try #require(ForeignTokens.refused.first { $0.name == name }?.why)
    #expect(refusal.reason == SessionRefusal.unauthenticated(why.reason).reason)
    #expect(refusal.reason.contains(why.reason))
    #expect(refusal.message == SessionRefusal.unauthenticated("").message)
    #expect(!refusal.message.contains(why.reason))
  }

  @Test("a token opens the proxy that it names, and no other, of no other mesh") func claims() async throws {
    for name in ["mesh only", "name", "type dataplane", "no mesh", "second key", "keys in the header, our signature"] {
      #expect(await refusal(name) == nil, "\(name)")
      #expect(await refusal(name, nodeID: "other.web-1") != nil, "\(name)")
      #expect(await refusal(name, nodeID: "none.web-1") != nil, "\(name)")
    }
    let named = try #require(await refusal("name", nodeID: "default.web-2"))
    #expect(named.reason.contains("proxy name from requestor: \"web-2\" is different than in token: \"web-1\""))
    #expect(await refusal("mesh only", nodeID: "default.web-2") == nil)
    let ingress = try #require(await refusal("type ingress"))
    #expect(ingress.reason.contains("the token is for a proxy of type \"ingress\""))
    #expect(await refusal("user") != nil)
  }

  @Test("a token for tags opens only a Dataplane with these tags, and needs one") func tags() async throws {
    let authority = try await Self.authenticator.authenticate(
      ProxyProof(nodeID: "default.web-1", token: Self.foreign.token("tags")))
    #expect(authority.needsDataplane)
    func dataplane(_ tags: [String: String]) -> Resource {
      let networking = Dataplane.Networking(address: "127.0.0.1", inbound: [Dataplane.Inbound(port: 80, tags: tags)])
      return Resource(mesh: "default", name: "web-1", spec: .dataplane(Dataplane(networking: networking)))
    }
    #expect(authority.refusal(ofBrought: dataplane(["kuma.io/service": "web", "region": "eu"])) == nil)
    #expect(authority.refusal(ofBrought: dataplane(["kuma.io/service": "web-api", "region": "eu"])) == nil)
    for tags in [
      ["kuma.io/service": "db", "region": "eu"], ["kuma.io/service": "web", "region": "us"],
      ["kuma.io/service": "web"], ["region": "eu"], [:],
    ] { #expect(authority.refusal(ofBrought: dataplane(tags)) != nil, "\(tags)") }
  }
}
