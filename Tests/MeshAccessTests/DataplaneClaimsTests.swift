import MeshModel
import Testing

@testable import MeshAccess

@Suite("Claims of dataplane tokens") struct DataplaneClaimsTests {
  private func dataplane(
    _ name: String = "web-1", mesh: String = "default", inbounds: [[String: String]], gateway: [String: String]? = nil
  ) -> Resource {
    let networking = Dataplane.Networking(
      address: "127.0.0.1",
      inbound: inbounds.enumerated().map { Dataplane.Inbound(port: UInt32(8080 + $0.offset), tags: $0.element) },
      outbound: [Dataplane.Outbound(port: 9000, tags: ["kuma.io/service": "db"])],
      gateway: gateway.map { Dataplane.Gateway(tags: $0) })
    return Resource(mesh: mesh, name: name, spec: .dataplane(Dataplane(networking: networking)))
  }

  private let web = ["kuma.io/service": "web", "region": "eu"]
  private let api = ["kuma.io/service": "web-api", "region": "eu"]

  @Test("what a token does not name is free") func free() {
    #expect(DataplaneClaims(mesh: "").refusal(of: dataplane(inbounds: [web])) == nil)
    #expect(DataplaneClaims(mesh: "default").refusal(of: dataplane(inbounds: [])) == nil)
    #expect(DataplaneClaims(mesh: "default", proxyType: "dataplane").refusal(of: dataplane(inbounds: [web])) == nil)
  }

  @Test("name, mesh and type have to be those of the token") func identity() {
    let proxy = dataplane(inbounds: [web])
    #expect(DataplaneClaims(name: "web-1", mesh: "default").refusal(of: proxy) == nil)
    #expect(
      DataplaneClaims(name: "web-2", mesh: "default").refusal(of: proxy)
        == .wrongName(requested: "web-1", allowed: "web-2"))
    #expect(
      DataplaneClaims(mesh: "other").refusal(of: proxy) == .wrongMesh(requested: "default", allowed: "other"))
    for type in ["ingress", "egress", "Dataplane"] {
      #expect(DataplaneClaims(mesh: "default", proxyType: type).refusal(of: proxy) == .wrongType(type))
    }
  }

  @Test("all values of a tag have to be allowed, over all inbounds and the gateway") func tags() {
    let claims = DataplaneClaims(mesh: "default", tags: ["kuma.io/service": ["web"]])
    #expect(claims.refusal(of: dataplane(inbounds: [web])) == nil)
    let wrong = TokenRefusal.wrongTag("kuma.io/service", value: "web-api", allowed: ["web"])
    #expect(claims.refusal(of: dataplane(inbounds: [web, api])) == wrong)
    #expect(claims.refusal(of: dataplane(inbounds: [api])) == wrong)
    #expect(claims.refusal(of: dataplane(inbounds: [], gateway: web)) == nil)
    #expect(claims.refusal(of: dataplane(inbounds: [], gateway: api)) == wrong)
    #expect(claims.refusal(of: dataplane(inbounds: [api], gateway: web)) == wrong)
    #expect(claims.refusal(of: dataplane(inbounds: [web], gateway: api)) == wrong)
    #expect(claims.refusal(of: dataplane(inbounds: [])) == .missingTag("kuma.io/service"))
    #expect(
      claims.refusal(of: Resource(mesh: "default", name: "x", spec: .dataplane(Dataplane(networking: nil))))
        == .missingTag("kuma.io/service"))
    let both = DataplaneClaims(mesh: "default", tags: ["kuma.io/service": ["web", "web-api"], "region": ["eu"]])
    #expect(both.refusal(of: dataplane(inbounds: [web, api])) == nil)
    #expect(both.refusal(of: dataplane(inbounds: [["kuma.io/service": "web"]])) == .missingTag("region"))
    #expect(
      DataplaneClaims(mesh: "default", tags: ["region": []]).refusal(of: dataplane(inbounds: [web]))
        == .wrongTag("region", value: "eu", allowed: []))
  }

  @Test("reasons are Kuma's, and what comes from outside cannot break the line") func reasons() {
    #expect(
      TokenRefusal.wrongName(requested: "a", allowed: "b").reason
        == "proxy name from requestor: \"a\" is different than in token: \"b\"")
    #expect(
      TokenRefusal.wrongTag("t", value: "v", allowed: ["x", "y"]).reason
        == "dataplane contains tag \"t\" with value \"v\" which is not allowed with this token; "
        + "allowed values in token are [\"x\" \"y\"]")
    let long = TokenRefusal.revoked(id: String(repeating: "\u{202e}\n", count: 5_000)).reason
    #expect(long.utf8.count < 2_000 && !long.contains("\n") && !long.unicodeScalars.contains("\u{202e}"))
  }
}
