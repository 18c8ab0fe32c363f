import MeshModel
import MeshPolicy
import Testing

/// What Envoy makes of a percentage, and what is said about it.
@Suite struct SamplingTests {
  /// Seen with Envoy 1.40, with ids that begin with every step from 0 to 9,999.
  @Test(
    "a percentage is cut to steps of 0.01",
    arguments: [
      (nil, 10_000, "100"), (100, 10_000, "100"), (99.999, 9999, "99.99"), (12.5, 1250, "12.5"), (29.29, 2929, "29.29"),
      (0.57, 56, "0.56"), (0.29, 28, "0.28"), (0.05, 5, "0.05"), (0.01, 1, "0.01"), (0.009, 0, "0"), (0, 0, "0"),
      (-1, 0, "0"), (.nan, 0, "0"), (.infinity, 10_000, "100"),
    ] as [(Double?, Int, String)])
  func steps(percent: Double?, count: Int, text: String) {
    let steps = SamplingSteps(percent: percent)
    #expect(steps.count == count)
    #expect(steps.percent == text)
    #expect(steps.isAll == (count == 10_000))
    #expect(steps.isNone == (count == 0))
  }

  private static func warnings(_ samplings: [Double?]) -> [String] {
    let backends = samplings.enumerated().map {
      TracingBackend(name: "b\($0)", sampling: $1, zipkin: ZipkinConf(url: "http://z:9411/api/v2/spans"))
    }
    return PolicyWarnings.sampling(of: Mesh(tracing: Mesh.Tracing(backends: backends)))
  }

  @Test("nothing is said where all or none is meant", arguments: [nil, 100, 0] as [Double?])
  func plain(percent: Double?) { #expect(Self.warnings([percent]).isEmpty) }

  @Test("less than a step traces nothing, and that is said")
  func tooLittle() {
    #expect(
      Self.warnings([0.009]) == [
        "Tracing backend \"b0\" has sampling 0.009, and Envoy counts in steps of 0.01 and leaves out the rest: nothing will "
          + "be traced. Set 0.01 or more, or 0 for none."
      ])
  }

  @Test("what is cut is said")
  func cut() {
    let warnings = Self.warnings([0.019])
    #expect(warnings.count == 2)
    #expect(warnings.first?.hasSuffix(": 0.01 % of the requests will be traced.") == true)
    #expect(Self.warnings([12.5, 50]).count == 1, "these are whole steps")
  }

  @Test("below 100 the ids of callers decide, and that is said once")
  func partial() {
    let warnings = Self.warnings([10, nil, 50])
    #expect(warnings.count == 1)
    #expect(warnings.first?.hasPrefix("Tracing backend \"b0\" (and 1 more) has sampling 10: ") == true)
    #expect(warnings.first?.contains("x-request-id") == true)
    #expect(warnings.first?.contains("not_traceable") == true)
  }

  @Test(
    "a proxy whose sampling traces nothing is not called traced",
    arguments: [
      (0.009, "is below Envoy's smallest step of 0.01, which makes it 0."), (0, "traces nothing."),
    ] as [(Double, String)])
  func explanation(percent: Double, reason: String) throws {
    var change = MeshIndex.Change()
    let backend = TracingBackend(name: "z", sampling: percent, zipkin: ZipkinConf(url: "http://z:9411/api/v2/spans"))
    change.mesh = Mesh(tracing: Mesh.Tracing(backends: [backend]))
    change.dataplanes["p"] = Dataplane(inbounds: ["service=web protocol=http"])
    change.policies["t"] = (TrafficTrace(["service=*"], backend: "z"), Timestamp(seconds: 1))
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    let explanation = try #require(index.explanation(for: "p"))
    #expect(!explanation.isTraced)
    #expect(
      explanation.summary
        == "Not traced, but for requests whose callers ask for it: the sampling of the tracing backend \"z\", to which "
        + "TrafficTrace \"t\" leads, \(reason)")
  }
}
