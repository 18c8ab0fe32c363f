import Testing
import TracingInspection

@testable import kuma_cp

/// What is said where an Envoy does not tell what it counts.
@Suite struct EvidenceAdviceTests {
  @Test func theSettingIsNamedUntilItIsOn() {
    let off = TracingDiagnoses.evidenceAdvice(isEnabled: false)
    #expect(off.hasPrefix("set dpServer.envoyMetrics.enabled to true, and start its kuma-dp again"))
    #expect(TracingDiagnoses.evidenceAdvice(isEnabled: true).hasPrefix("start its kuma-dp again"))
  }
}
