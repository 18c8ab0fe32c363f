import MeshClient
import Testing

@testable import KumactlCommands

@Suite("Advice about control planes that do not answer")
struct AdviceTests {
  @Test(
    "names what kumactl can do about it, behind what is wrong",
    arguments: [
      (.timedOut, "--api-timeout", true), (.tooLarge, "--size", false), (.untrusted, "--ca-cert-file", true),
      (.misnamed, "--skip-verify", true), (.outOfDate, "renew it", true),
      (.plaintext, "begin the address with http://", true),
      (.unreachable, "is a control plane running at http://localhost:5681?", true),
    ] as [(ControlPlaneError.Code, String, Bool)])
  func advice(code: ControlPlaneError.Code, part: String, isUnconfirmed: Bool) {
    let error = ControlPlaneError(code: code, title: "the reason", address: .local).during("failed to list Mesh")
    let text = error.withAdvice.description
    #expect(text.hasPrefix("failed to list Mesh: the reason; "))
    #expect(text.contains(part), "\(text)")
    #expect(error.isUnconfirmed == isUnconfirmed)
  }

  @Test("is not added to a control plane's own words")
  func answered() {
    let error = ControlPlaneError(code: .notFound, status: 404, title: "Could not retrieve a resource")
    #expect(error.withAdvice.description == "Could not retrieve a resource")
    #expect(!error.isUnconfirmed)
  }

  @Test("names the fix behind an answer that asks for a token, or for a permission")
  func denied() {
    let unknown = ControlPlaneError(
      code: .denied, status: 401, title: "Invalid authentication data", detail: "Unauthenticated")
    #expect(
      unknown.withAdvice.description.hasPrefix(
        "Invalid authentication data (Unauthenticated); show a user token that is"))
    #expect(unknown.withAdvice.description.contains("--auth-type tokens --auth-conf token="))
    let forbidden = ControlPlaneError(code: .denied, status: 403, title: "Access Denied", detail: "user mia cannot")
    #expect(
      forbidden.withAdvice.description
        == "Access Denied (user mia cannot); ask an administrator for the permission, or for a token with a group that has it"
    )
  }
}
