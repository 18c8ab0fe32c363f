import HTTPService
import HTTPTypes
import MeshAccess
import MeshTestSupport
import Testing

@testable import AccessHTTP

/// Every user token that does not count, shown over HTTP: the log has its reason, and the answer is the same for all.
@Suite("Tokens of other software, over HTTP") struct TokenMatrixOverHTTPTests {
  private static let foreign = ForeignTokens.shared

  private static let access: HTTPAccess = {
    let ring = foreign.ring
    var identification = CallerIdentification(localhostIsAdmin: true)
    identification.checkUserToken = { ring.verifyUserToken($0, now: ForeignTokens.now).map(\.user) }
    identification.checkIngestToken = { ring.verifyIngestToken($0) }
    return HTTPAccess(to: .api, rules: .standard, identification: identification) {
      "\($0.method.rawValue) \($0.path ?? "")"
    } answer: { _, denial in
      .text("\(denial.title): \(denial.detail)", denial.status)
    }
  }()

  private func decide(_ token: String) -> AccessDecision {
    var request = HTTPRequest(method: .get, scheme: "https", authority: "cp.example:5682", path: "/meshes")
    // As a parser of HTTP gives it: white space around a value is not part of it.
    request.headerFields[.authorization] = "Bearer \(token)"
    return Self.access.decide(
      on: request, from: Caller(address: "192.0.2.7", isLoopback: false, isSecure: true))
  }

  @Test(
    "a token that counts opens what its user may do",
    arguments: ForeignTokens.accepted.filter(ForeignTokens.isShownByUser))
  func accepted(name: String) {
    guard case .allowed(let caller) = decide(Self.foreign.token(name)) else {
      Issue.record("\(name) was refused")
      return
    }
    #expect(caller.groups.contains(User.authenticatedGroup))
  }

  @Test(
    "a token that does not count is refused with its reason in the log, and one answer for all",
    arguments: ForeignTokens.refused.map(\.name).filter(ForeignTokens.isShownByUser))
  func refused(name: String) throws {
    guard case .refused(let answer, let reason) = decide(Self.foreign.token(name)) else {
      Issue.record("\(name) was accepted")
      return
    }
    let why = try #require(ForeignTokens.refused.first { $0.name == name }?.why)
    #expect(reason.hasSuffix(why.reason))
    #expect(answer.status == .unauthorized)
    #expect(String(decoding: answer.body, as: UTF8.self) == "Invalid authentication data: Unauthenticated")
    #expect(answer.fields[.wwwAuthenticate] == "Bearer")
  }

  @Test(
    "a token of a proxy is not one of a user",
    arguments: ForeignTokens.accepted.filter { !ForeignTokens.isShownByUser($0) })
  func ofProxies(name: String) {
    guard case .refused = decide(Self.foreign.token(name)) else {
      Issue.record("\(name) was accepted")
      return
    }
  }
}
