import HTTPService
import HTTPTypes
import MeshModel
import MeshTestSupport
import MeshXDS
import ProxyEvidence
import Synchronization
import Testing

@testable import MeshTransport

/// Who may tell what an Envoy has counted, and what they are answered.
@Suite struct EvidenceResponderTests {
  private static let dataplane = Dataplane(
    networking: .init(address: "127.0.0.1", inbound: [.init(port: 80, tags: ["kuma.io/service": "web"])]))
  private static let report = EvidenceReport(
    mesh: "default", name: "web", epoch: "a", sequence: 1, isWhole: true, time: .now)

  private func answer(
    token: String? = nil, body: [UInt8] = report.json(), connected: Bool = true, stored: Bool = true,
    verdict: EvidenceVerdict = .kept, isAwaited: Bool = false, authorities: [String: ProxyAuthority]? = nil
  ) async -> (answer: Answer, taken: Int) {
    let taken = Mutex(0)
    let responder = EvidenceResponder(
      admission: EvidenceAdmission(
        resources: EvidenceAdmission.Resources(
          isConnected: { mesh, name in connected && mesh == "default" && name == "web" },
          dataplane: { mesh, name in stored && mesh == "default" && name == "web" ? Self.dataplane : nil }),
        authenticator: authorities.map { ProofTable($0) }),
      isAwaited: { $0.name == "web" && isAwaited }
    ) { _ in
      taken.withLock { $0 += 1 }
      return verdict
    }
    var request = HTTPRequest(method: .post, scheme: "https", authority: "cp.example:5678", path: "/evidence")
    if let token { request.headerFields[.authorization] = token }
    return (await responder.respond(to: request, body: body, from: .local), taken.withLock { $0 })
  }

  @Test func evidenceOfAConnectedProxyIsTakenWithoutALookUp() async {
    let (answer, taken) = await answer(stored: false)
    #expect(answer.status == .noContent && answer.body.isEmpty && taken == 1)
    #expect(answer.fields[.connection] == nil)
  }

  @Test func aProxyOfWhichMoreIsWantedSoonIsTold() async {
    let (answer, taken) = await answer(isAwaited: true)
    #expect(answer.status == .accepted && answer.body.isEmpty && taken == 1)
    #expect(await self.answer(verdict: .wholeWanted, isAwaited: true).answer.status == .conflict)
  }

  /// The next connection may lead to the control plane that has the stream.
  @Test func theConnectionOfAProxyWhoseStreamIsElsewhereIsClosed() async {
    let (answer, taken) = await answer(connected: false)
    #expect(answer.status == .noContent && taken == 1)
    #expect(answer.fields[.connection] == "close")
  }

  @Test func aProxyThatNobodyKnowsIsNotFound() async {
    let (answer, taken) = await answer(connected: false, stored: false)
    #expect(answer.status == .notFound && taken == 0)
    #expect(String(decoding: answer.body, as: UTF8.self).contains("no Dataplane \"web\""))
  }

  @Test func verdictsHaveAStatus() async {
    let conflict = await answer(verdict: .wholeWanted).answer
    #expect(conflict.status == .conflict)
    #expect(String(decoding: conflict.body, as: UTF8.self).contains("send all statistics"))
    #expect(await answer(verdict: .full).answer.status == .serviceUnavailable)
  }

  @Test(arguments: ["", "{", "[]", "{}", #"{"mesh":"default","name":"web","epoch":"a","sequence":"x","time":1}"#])
  func whatIsNoReportIsRefused(body: String) async {
    let (answer, taken) = await answer(body: Array(body.utf8))
    #expect(answer.status == .badRequest && taken == 0)
  }

  @Test func aProxyProvesWhoItIs() async {
    let authorities = ["good": ProxyAuthority.unlimited, "tagged": Self.tagged(refuses: false)]
    #expect(await answer(token: "Bearer good", authorities: authorities).answer.status == .noContent)
    #expect(await answer(token: "good", authorities: authorities).answer.status == .noContent)
    for token in [nil, "", "Bearer ", "Bearer bad", "Basic good"] {
      let (answer, taken) = await answer(token: token, authorities: authorities)
      #expect(answer.status == .unauthorized && taken == 0, "\(token ?? "none")")
      #expect(answer.refusalReason?.contains("default.web") == true)
    }
  }

  /// Such a token says nothing of names, so that the Dataplane decides.
  @Test func aTokenForTagsNeedsADataplaneThatHasThem() async {
    let fitting = ["t": Self.tagged(refuses: false)]
    let other = ["t": Self.tagged(refuses: true)]
    #expect(await answer(token: "t", authorities: fitting).answer.status == .noContent)
    #expect(await answer(token: "t", stored: false, authorities: fitting).answer.status == .notFound)
    for connected in [true, false] {
      let (answer, taken) = await answer(token: "t", connected: connected, authorities: other)
      #expect(answer.status == .unauthorized && taken == 0)
      #expect(!String(decoding: answer.body, as: UTF8.self).contains("other tags"))
      #expect(answer.refusalReason?.contains("other tags") == true)
    }
  }

  private static func tagged(refuses: Bool) -> ProxyAuthority {
    var authority = ProxyAuthority { _ in refuses ? "it has other tags" : nil }
    authority.needsDataplane = true
    return authority
  }

  @Test func aLargeBodyIsRefusedBeforeItIsRead() {
    let evidence = HTTPRequest(method: .post, scheme: "https", authority: "cp", path: "/evidence?x")
    let bootstrap = HTTPRequest(method: .post, scheme: "https", authority: "cp", path: "/bootstrap")
    #expect(DataplaneRequests.bodyLimit(evidence) == EvidenceLimits.reportBytes)
    #expect(DataplaneRequests.bodyLimit(bootstrap) == nil)
  }
}
