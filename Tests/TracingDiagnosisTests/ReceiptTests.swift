import MeshModel
import ProxyEvidence
import Testing

@testable import TracingDiagnosis

/// Receipts compare what Envoy counted with what the collector stored.
@Suite struct ReceiptTests {
  /// What is said after some minutes in which an Envoy chose requests and the collector stored spans, both a second.
  private static func diagnosis(
    requests: Int, sampling: Double = 100, decided: Int, stored: (Int) -> Int, spans: (Int) -> Int = { $0 }
  ) throws -> Diagnosis {
    var scene = Scene()
    scene.sampling = sampling
    var memory = DiagnosisMemory()
    var diagnosis: Diagnosis?
    for second in stride(from: 5, through: 200, by: 5) {
      let chosen = decided * second
      scene.counts(
        Scene.statistics(requests: requests * second, decided: chosen, notTraceable: (requests - decided) * second)
          + Scene.reports(sent: spans(chosen) / 5, spans: spans(chosen), collector: 202)
          + "tracing.zipkin.timer_flushed: \(second)\n", at: Double(second))
      scene.stores(inbound: stored(chosen), at: Double(second))
      diagnosis = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory)
    }
    return try #require(diagnosis)
  }

  @Test func allThatIsExpectedIsStored() throws {
    let diagnosis = try Self.diagnosis(requests: 20, decided: 20) { $0 }
    let receipt = try #require(diagnosis.receipts.first)
    #expect(receipt.state == .matches && diagnosis.verdict.isFine)
    let requests = try #require(receipt.requests)
    #expect(receipt.expected == Double(requests) && requests >= 2_000)
    #expect(receipt.text(at: Scene.time(200)).hasSuffix(" of \(requests.grouped) expected"))
    #expect(receipt.lag == 0.5 && receipt.clockOffset == -0.5)
    #expect(diagnosis.receipts.last?.state == .idle)
  }

  @Test func aShareIsExpectedWithItsBounds() throws {
    let receipt = try #require(try Self.diagnosis(requests: 100, sampling: 10, decided: 10) { $0 }.receipts.first)
    let (requests, expected) = (try #require(receipt.requests), try #require(receipt.expected))
    #expect(abs(expected - Double(requests) / 10) < 0.01)
    let range = try #require(receipt.range)
    #expect(range.contains(Int(expected)) && range.lowerBound > 0 && range.upperBound < requests / 5)
  }

  @Test func missingSpansAreCounted() throws {
    let diagnosis = try Self.diagnosis(requests: 20, decided: 20) { $0 * 3 / 4 }
    let receipt = try #require(diagnosis.receipts.first)
    #expect(receipt.state == .short)
    #expect(receipt.text(at: Scene.time(200)).contains("are missing"))
    #expect(diagnosis.verdict.cause == .unknown)
    #expect(diagnosis.verdict.evidence.contains { $0.source == .collector })
  }

  @Test func silenceHasItsLength() throws {
    var first: Int?
    let diagnosis = try Self.diagnosis(requests: 20, decided: 20) { chosen in
      // Nothing is stored after the first.
      first = first ?? chosen
      return first ?? 0
    }
    let receipt = try #require(diagnosis.receipts.first)
    #expect(receipt.state == .silent)
    #expect(receipt.text(at: Scene.time(200)).hasPrefix("receipt: 0 of ~"))
  }

  @Test func whatCallersForbidIsNotMissing() throws {
    let diagnosis = try Self.diagnosis(requests: 20, decided: 20, stored: { $0 / 4 }, spans: { $0 / 4 })
    #expect(diagnosis.receipts.first?.state == .unknown("callers ask that requests are not traced"))
    #expect(diagnosis.verdict.cause == .callersForbid)
  }

  @Test("a proxy whose counters jump, as often as it likes, is answered")
  func jumps() throws {
    var scene = Scene()
    var memory = DiagnosisMemory()
    for look in 1...1_500 {
      let value = look.isMultiple(of: 2) ? 0 : EvidenceLimits.value
      scene.counts(
        Scene.statistics(requests: value) + Scene.reports(sent: value, dropped: value, spans: value, collector: 202),
        at: Double(look) * 5, whole: true)
      note(try scene.input(at: Double(look) * 5), acknowledged: nil, memory: &memory)
    }
    let receipts = diagnose(try scene.input(at: 7_501), memory: &memory).receipts
    let requests = try #require(receipts.first?.requests)
    #expect((0...1 << 60).contains(requests))
    #expect(receipts.first?.text(at: Scene.time(7_501)).isEmpty == false)
  }

  /// All of a proxy's listeners are added up, of which there can be as many as there are statistics.
  @Test func sumsOfAllListenersHaveAnEnd() throws {
    var scene = Scene()
    var memory = DiagnosisMemory()
    for look in 1...80 {
      let value = look.isMultiple(of: 2) ? 0 : EvidenceLimits.value
      scene.counts(Scene.statistics(requests: value, decided: value), at: Double(look), whole: true)
      _ = diagnose(try scene.input(at: Double(look)), memory: &memory)
    }
    let most = Int.max / EvidenceLimits.statistics
    #expect(memory.sums.allSatisfy { $0.requests <= most && $0.decided <= most })
  }

  @Test("one span that is refused among many is a fact, and one in ten is a fault", arguments: [1, 40])
  func refusals(refused: Int) throws {
    var scene = Scene()
    var memory = DiagnosisMemory()
    for second in stride(from: 5, through: 80, by: 5) {
      scene.works(second * 5, at: Double(second))
      if second >= 40 {
        scene.received?.refused = [.init(reason: "duration is too long", spans: refused, requests: 1)]
        scene.received?.lastRefusal = .init(reason: "duration is too long", time: Scene.time(39), status: 202)
      }
      let verdict = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory).verdict
      guard second >= 40 else { continue }
      #expect(verdict.cause == (refused == 1 ? .fine : .spansRefused), "at \(second): \(verdict)")
      #expect(verdict.evidence.contains { $0.text.contains("Duration is too long") })
    }
  }

  /// The time at which the collector began is computed from two clocks, so that it differs by a millisecond now and then.
  @Test func aBeginningThatWaversIsNoBeginning() throws {
    var scene = Scene()
    var memory = DiagnosisMemory()
    var receipt: Receipt?
    for second in stride(from: 4, through: 120, by: 4) {
      scene.works(second * 5, at: Double(second))
      scene.received?.since = Scene.time(-3_600 + (second.isMultiple(of: 8) ? 0.001 : 0))
      receipt = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory).receipts.first
    }
    #expect(receipt?.state == .matches)
    #expect(try #require(receipt?.requests) >= 500)
  }

  @Test func anOldCountIsCalledOld() throws {
    var scene = Scene()
    var memory = DiagnosisMemory()
    for second in stride(from: 4, through: 40, by: 4) {
      scene.works(second * 5, at: Double(second))
      _ = diagnose(try scene.input(at: Double(second) + 0.2), memory: &memory)
    }
    let now = try #require(diagnose(try scene.input(at: 40.2), memory: &memory).receipts.first)
    #expect(now.text(at: Scene.time(40.2)) == "receipt: 160 of 160 expected")
    scene.stores(inbound: 240, at: 47)
    let receipt = try #require(diagnose(try scene.input(at: 47), memory: &memory).receipts.first)
    #expect(receipt.state == .matches)
    #expect(receipt.text(at: Scene.time(47)) == "receipt: 200 of 160 expected; Envoy's count is 7 seconds old")
  }

  @Test func aProxyThatIsNotTracedSendsSpansNowhere() throws {
    var scene = CauseScenes.working
    scene.selector = [TagName.service: "other"]
    scene.change = { $0.receiver = .other("") }
    let diagnosis = try scene.diagnosis(at: 8)
    #expect(diagnosis.receipts.first?.state == .unknown("the proxy is not traced"))
  }

  @Test("bounds of a binomial number")
  func bounds() {
    let chances = Binomial(trials: 4_120, probability: 0.1)
    #expect(chances.mean == 412)
    let range = chances.range(0.0005)
    // 3.3 standard deviations are 64.
    #expect((330...355).contains(range.lowerBound) && (470...500).contains(range.upperBound))
    #expect(Binomial(trials: 100, probability: 1).range(0.0005) == 100...100)
    #expect(Binomial(trials: 60, probability: 0.0001).range(1e-6).lowerBound == 0)
    #expect(Binomial(trials: 0, probability: 0.5).range(0.0005) == 0...0)
    #expect(Binomial(trials: 200, probability: 0.1).low(1e-6) > 0)
  }

  @Test func numbersAreGrouped() {
    #expect(
      [0, 999, 1_000, 4_120, 1_234_567, -12_345].map(\.grouped) == [
        "0", "999", "1,000", "4,120", "1,234,567", "-12,345",
      ])
  }
}
