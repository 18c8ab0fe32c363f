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
}
