import Foundation
import Testing
import TracingDiagnosis

/// What is said while all is well, and how soon it is said that it is not, on a simulated clock.
@Suite struct SimulationTests {
  /// More seeds and an hour each are for an afternoon: DIAGNOSIS_SEEDS.
  private static let seeds = ProcessInfo.processInfo.environment["DIAGNOSIS_SEEDS"].flatMap { UInt64($0) }
  private static let seconds = seeds == nil ? 600.0 : 3_600

  struct Load: Sendable, CustomTestStringConvertible {
    var sampling: Double
    var form: SimulatedProxy.Form
    var requestsPerSecond: Double
    var testDescription: String { "\(sampling) % in reports of \(form.batch), \(requestsPerSecond) a second" }
  }

  private static let loads: [Load] = [
    Load(sampling: 1, form: .json, requestsPerSecond: 20), Load(sampling: 10, form: .auto, requestsPerSecond: 4),
    Load(sampling: 100, form: .json, requestsPerSecond: 2), Load(sampling: 1, form: .auto, requestsPerSecond: 1),
    Load(sampling: 10, form: .json, requestsPerSecond: 10), Load(sampling: 100, form: .auto, requestsPerSecond: 20),
  ]

  @Test("nothing is wrong while nothing is wrong", arguments: loads)
  func healthy(load: Load) throws {
    for seed in 1...(Self.seeds ?? 1) {
      let clock = seed.isMultiple(of: 2) ? 0.2 : -0.2
      var proxy = SimulatedProxy(
        .init(
          requestsPerSecond: load.requestsPerSecond, sampling: load.sampling, form: load.form, clock: clock), seed: seed
      )
      var diagnoses = 0
      while proxy.now < Self.seconds {
        guard let diagnosis = try proxy.advance() else { continue }
        diagnoses += 1
        let verdict = diagnosis.verdict
        let isWell = verdict.cause == .fine || verdict.cause == .noneExpected && verdict.level == .waiting
        #expect(isWell, "seed \(seed) at \(proxy.now): \(verdict)")
        for receipt in diagnosis.receipts {
          #expect(!["short", "silent"].contains(receipt.state.name), "seed \(seed) at \(proxy.now): \(receipt)")
        }
        if !isWell { return }
      }
      #expect(diagnoses >= Int(Self.seconds) / 10)
    }
  }

  @Test("one report in a hundred that is lost is found within a minute")
  func losses() throws {
    for seed in 1...(Self.seeds ?? 3) {
      var proxy = SimulatedProxy(
        .init(requestsPerSecond: 50, restarts: false, losses: (share: 0.01, after: 30)), seed: seed)
      var found: Double?
      while proxy.now < 90, found == nil {
        guard let verdict = try proxy.advance()?.verdict, !verdict.isFine, verdict.level != .waiting else { continue }
        #expect(verdict.cause == .answersOtherThanAccepted)
        found = proxy.now
      }
      let time = try #require(found, "seed \(seed)")
      #expect(time > 30)
    }
  }

  /// Also long after it began to get requests, when it tells less often. Half a second is for messages that are under way.
  @Test(
    "a proxy whose spans vanish is found within ten seconds of the first that does",
    arguments: [
      Load(sampling: 100, form: .auto, requestsPerSecond: 5), Load(sampling: 100, form: .auto, requestsPerSecond: 50),
      Load(sampling: 10, form: .auto, requestsPerSecond: 50), Load(sampling: 100, form: .json, requestsPerSecond: 2),
      Load(sampling: 100, form: .json, requestsPerSecond: 50),
    ], [20, 61.3, 66.9])
  func silence(load: Load, begin: Double) throws {
    for seed in 1...(Self.seeds ?? 2) {
      var proxy = SimulatedProxy(
        .init(
          requestsPerSecond: load.requestsPerSecond, sampling: load.sampling, form: load.form, restarts: false,
          silentAfter: begin), seed: seed)
      var found: Double?
      while proxy.now < begin + 30, found == nil {
        guard let verdict = try proxy.advance()?.verdict, verdict.level == .unknown else { continue }
        found = proxy.now
      }
      let first = try #require(proxy.firstVanished, "seed \(seed)")
      let time = try #require(found, "seed \(seed)")
      #expect(time > first && time - first <= 10.5, "seed \(seed): \(time - first)")
    }
  }
}
