import Foundation
import MeshAccess
import MeshModel
import MeshTestSupport
import ProxySimulation
import Testing

/// Which tokens open which proxies: streams over TLS and bootstrap requests at a real control plane.
@Suite("Dataplane tokens", .fewAtATime, .serialized, .timeLimit(.minutes(60)))
struct ProxyTokenTests {
  private struct Case {
    var what: String
    var token: String?
    /// What the log says.
    var reason: String
  }

  private static let service = "kuma.io/service"

  /// Tokens that do not open the proxy `web`, whose service is `web`.
  private static func refused(_ rig: TokenRig) async throws -> [Case] {
    let good = try await rig.sign(DataplaneClaims(name: "web", mesh: "default"))
    let revoked = try await rig.sign(DataplaneClaims(mesh: "default"))
    try await rig.revoke([revoked])
    let stranger = try SigningKey.generate(id: "2")
    func sign(_ claims: DataplaneClaims) async throws -> String { try await rig.sign(claims) }
    func tags(_ tag: String, _ value: String) -> DataplaneClaims {
      DataplaneClaims(mesh: "default", tags: [tag: [value]])
    }
    let hour = Duration.seconds(3_600)
    let cases = [
      Case(what: "none", token: nil, reason: "there is no token"),
      Case(what: "nonsense", token: "a.b", reason: "the token is malformed"),
      Case(
        what: "damaged", token: String(good.dropLast(8)) + "AAAAAAAA",
        reason: "the token's signature is not that of the signing key with KID \"2\""),
      Case(
        what: "other mesh", token: try await sign(DataplaneClaims(mesh: "other")),
        reason: "proxy mesh from requestor: \"default\" is different than in token: \"other\""),
      Case(
        what: "other name", token: try await sign(DataplaneClaims(name: "bank", mesh: "default")),
        reason: "proxy name from requestor: \"web\" is different than in token: \"bank\""),
      Case(
        what: "other tag", token: try await sign(tags(service, "bank")),
        reason: "dataplane contains tag \"kuma.io/service\" with value \"web\" which is not allowed with this token"),
      Case(
        what: "missing tag", token: try await sign(tags("team", "blue")),
        reason: "dataplane has no tag \"team\" required by the token"),
      Case(
        what: "other type", token: try await sign(DataplaneClaims(mesh: "default", proxyType: "ingress")),
        reason: "the token is for a proxy of type \"ingress\""),
      Case(
        what: "expired",
        token: try await rig.sign(
          DataplaneClaims(mesh: "default"), at: Timestamp(seconds: Timestamp.now.seconds - 7_200), validFor: hour),
        reason: "the token expired at"),
      Case(
        what: "not yet valid",
        token: try await rig.sign(
          DataplaneClaims(mesh: "default"), at: Timestamp(seconds: Timestamp.now.seconds + 7_200), validFor: hour),
        reason: "the token is not valid before"),
      Case(what: "revoked", token: revoked, reason: "is revoked"),
      Case(
        what: "other key", token: try await rig.sign(DataplaneClaims(name: "web", mesh: "default"), with: stranger),
        reason: "the token's signature is not that of the signing key with KID \"2\""),
      Case(
        what: "unknown key", token: TokenRig.replacingHeader(of: good, with: ["alg": "RS256", "kid": "9"]),
        reason: "there is no signing key with KID \"9\""),
      Case(
        what: "no key", token: TokenRig.replacingHeader(of: good, with: ["alg": "RS256"]),
        reason: "the token's header has no kid"),
    ]
    let algorithms = ["none", "HS256", "ES256", "PS256", "RS512", "EdDSA"]
    return cases
      + algorithms.map { name in
        Case(
          what: name, token: TokenRig.replacingHeader(of: good, with: ["alg": .string(name), "kid": "2"]),
          reason: "unsupported token alg \"\(name)\"")
      }
  }

  @Test("Each token that is not for a proxy is refused, with its reason in the log and none in the answer")
  func matrix() async throws {
    try await TokenRig.run { rig in
      try await rig.controlPlane.apply(TokenRig.dataplane("web", service: "web"))
      try await rig.importKey()
      for item in try await Self.refused(rig) {
        let refusal = try #require(try await rig.refusal("default.web", item.token), "\(item.what)")
        #expect(
          refusal.contains("authentication failed: the token does not open this proxy"), "\(item.what): \(refusal)")
        #expect(!refusal.contains(item.reason), "\(item.what): \(refusal)")
        try await eventually("the log of a stream: \(item.what)") {
          rig.controlPlane.log.all.contains {
            $0.contains("proxy default.web: ") && $0.contains(item.reason) && $0.contains("operation=discovery")
          }
        }
        let answer = try await rig.bootstrap("web", item.token)
        guard item.token != nil else {
          #expect(answer.status == 422 && answer.text.hasPrefix("Dataplane Token is required."), "\(answer)")
          continue
        }
        #expect(answer.status == 401 && answer.text.contains("authentication failed"), "\(item.what): \(answer)")
        #expect(!answer.text.contains(item.reason), "\(item.what): \(answer)")
        try await eventually("the log of a bootstrap: \(item.what)") {
          rig.controlPlane.log.all.contains { $0.contains(item.reason) && $0.contains("operation=POST /bootstrap") }
        }
      }
      for (what, claims) in [
        ("name", DataplaneClaims(name: "web", mesh: "default")), ("mesh", DataplaneClaims(mesh: "default")),
        ("tag", DataplaneClaims(mesh: "default", tags: [Self.service: ["web", "api"]])),
        ("type", DataplaneClaims(mesh: "default", proxyType: "dataplane")), ("no mesh", DataplaneClaims(mesh: "")),
      ] {
        let token = try await rig.sign(claims)
        #expect(try await rig.refusal("default.web", token) == nil, "\(what)")
        #expect(try await rig.bootstrap("web", token).status == 200, "\(what)")
        // No token is in the log.
        #expect(!rig.hasLogged(token), "\(what)")
      }
      // A file's last line end does not matter.
      let issued = try await rig.issue(name: "web")
      #expect(try await rig.bootstrap("web", issued + "\n").status == 200)
      #expect(try await rig.refusal("default.web", issued) == nil)
      #expect(try await rig.refusal("default.api", issued)?.contains("authentication failed") == true)
    }
  }

  @Test("A proxy can neither replace nor remove a Dataplane for which its token is not")
  func foreignDataplanes() async throws {
    try await TokenRig.run { rig in
      try await rig.importKey()
      let (web, bank) = (
        try await rig.sign(DataplaneClaims(mesh: "default", tags: [Self.service: ["web"]])),
        try await rig.sign(DataplaneClaims(mesh: "default", tags: [Self.service: ["bank"]]))
      )
      let invented = TokenRig.dataplane("bank", service: "web")
      func service() async throws -> String? {
        let path = "/meshes/default/dataplanes/bank"
        guard let answer = try await HTTPProbe.get(port: rig.controlPlane.ports.api, path), answer.status == 200 else {
          return nil
        }
        let inbound = try DocumentValue(json: answer.body)["networking"]?["inbound"]?.array?.first
        return inbound?["tags"]?[Self.service]?.string
      }
      // One that a user wrote.
      try await rig.controlPlane.apply(TokenRig.dataplane("bank", service: "bank"))
      let text = "you are trying to override existing proxy to which you don't have an access."
      #expect(try await rig.refusal("default.bank", web, dataplane: invented)?.contains(text) == true)
      let answer = try await rig.bootstrap("bank", web, dataplane: invented)
      #expect(answer.status == 403 && answer.text == text, "\(answer)")
      #expect(try await service() == "bank")
      try await rig.controlPlane.delete("/meshes/default/dataplanes/bank")
      // One that another proxy brought.
      let owner = rig.fleet(["default.bank"], dataplane: TokenRig.dataplane("bank", service: "bank")) { _ in bank }
      let running = Task { await owner.run() }
      defer { running.cancel() }
      try await eventually("the owner") { owner.proxies[0].isConfigured }
      #expect(try await rig.refusal("default.bank", web, dataplane: invented)?.contains(text) == true)
      #expect(try await rig.refusal("default.bank", web)?.contains("authentication failed") == true)
      #expect(try await service() == "bank")
      #expect(owner.proxies[0].streams == 1 && owner.proxies[0].isConnected)
      // The user gives the name to another service: the owner's stream ends at once.
      try await rig.controlPlane.apply(TokenRig.dataplane("bank", service: "web"))
      try await eventually("the end of the stream") {
        owner.proxies[0].lastFailure?.contains("authentication failed") == true
          || owner.proxies[0].lastFailure?.contains(text) == true
      }
      #expect(try await rig.refusal("default.bank", web) == nil)
      #expect(try await service() == "web")
    }
  }
}
