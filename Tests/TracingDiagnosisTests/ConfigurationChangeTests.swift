import MeshModel
import ProxyEvidence
import Testing

@testable import TracingDiagnosis

/// What a proxy's Envoy counted before the policy or the backend changed says nothing of what they lead to now.
@Suite struct ConfigurationChangeTests {
  /// A proxy that works for a minute, looked at as often as it tells.
  private static func worked() throws -> (scene: Scene, memory: DiagnosisMemory) {
    var (scene, memory) = (Scene(), DiagnosisMemory())
    for second in stride(from: 5, through: 60, by: 5) {
      scene.works(second * 3, at: Double(second))
      #expect(diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory).verdict.cause != .unknown)
    }
    return (scene, memory)
  }

  @Test("with almost no sampling nothing is expected, whatever was stored before") func littleSampling() throws {
    var (scene, memory) = try Self.worked()
    scene.sampling = 0.01
    _ = diagnose(try scene.input(at: 61), memory: &memory)
    for second in stride(from: 65, through: 125, by: 5) {
      // The spans of the last requests before come a moment after the change.
      scene.stores(inbound: 180, at: 62)
      scene.counts(
        Scene.statistics(requests: second * 3, decided: 180, notTraceable: second * 3 - 180)
          + Scene.reports(sent: 37, spans: 180, collector: 202), at: Double(second))
      let verdict = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory).verdict
      #expect(verdict.cause == .noneExpected && verdict.level == .waiting, "at \(second): \(verdict)")
    }
    let summary = diagnose(try scene.input(at: 126), memory: &memory).verdict.summary
    #expect(summary == "None of 180 requests was chosen yet. At 0.01 % one span is expected in 10,000 requests.")
  }

  @Test("another collector has not accepted what the one before did") func otherCollector() throws {
    var (scene, memory) = try Self.worked()
    scene.received = nil
    scene.url = "http://other.example:9411/api/v2/spans"
    scene.change = { $0.receiver = .other("other.example:9411") }
    // What is told first was counted before the change, and in part after it.
    for second in [61.0, 62, 64] {
      if second == 62 {
        scene.counts(
          Scene.statistics(requests: 186) + Scene.reports(sent: 38, spans: 186, collector: 202), at: second)
      }
      let verdict = diagnose(try scene.input(at: second), memory: &memory).verdict
      #expect(verdict.level == .waiting, "at \(second): \(verdict)")
    }
    scene.counts(
      Scene.statistics(requests: 210) + Scene.reports(sent: 43, spans: 210, collector: 202), at: 67)
    let verdict = diagnose(try scene.input(at: 67.2), memory: &memory).verdict
    #expect(verdict.isFine && verdict.summary.contains("other.example:9411 has accepted"), "\(verdict)")
  }

  @Test("losses at the collector before are none of the new one") func oldLosses() throws {
    var (scene, memory) = (Scene(), DiagnosisMemory())
    for second in stride(from: 5, through: 30, by: 5) {
      scene.counts(
        Scene.statistics(requests: second * 3) + Scene.reports(dropped: second, spans: second * 3, collector: 500),
        at: Double(second))
      _ = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory)
    }
    let before = diagnose(try scene.input(at: 31), memory: &memory).verdict
    #expect(before.cause == .answersOtherThanAccepted)
    scene.url = "http://other.example:9411/api/v2/spans"
    let verdict = diagnose(try scene.input(at: 32), memory: &memory).verdict
    #expect(verdict.level == .waiting, "\(verdict)")
    scene.counts(
      Scene.statistics(requests: 96) + Scene.reports(dropped: 32, spans: 96, collector: 500), at: 33)
    scene.counts(
      Scene.statistics(requests: 105) + Scene.reports(dropped: 34, spans: 105, collector: 500), at: 36)
    let after = diagnose(try scene.input(at: 36.2), memory: &memory).verdict
    #expect(after.cause == .answersOtherThanAccepted && after.summary.contains("other.example"), "\(after)")
    #expect(try #require(after.since) >= Scene.time(32))
    #expect(after.summary.contains("2 reports were lost"), "\(after.summary)")
  }
}
