import ProxyEvidence
import Testing

@testable import kuma_dp

/// When what Envoy counts is told, and what of it.
@Suite struct EvidenceSequenceTests {
  private static let requests = Statistic("backend", .requests)
  private static let random = Statistic("backend", .random)
  private static let active = Statistic("backend", .active)
  private static let dropped = Statistic("zipkin", .reportsDropped)

  /// A sequence whose first message was acknowledged at the start.
  private static func begun(_ values: [Statistic: Int] = [requests: 1]) -> EvidenceSequence {
    var sequence = EvidenceSequence(EvidencePace())
    _ = sequence.message(values, at: .zero)
    sequence.take(.kept)
    return sequence
  }

  @Test func theFirstMessageHasEverything() {
    var sequence = EvidenceSequence(EvidencePace())
    #expect(sequence.message([:], at: .zero) == .init(sequence: 1, isWhole: true, values: [:]))
    sequence.take(.kept)
    #expect(sequence.message([:], at: .seconds(299)) == nil)
  }

  @Test func nothingIsToldWhenNothingHappensButASignOfLife() {
    var sequence = Self.begun()
    for second in 1..<300 { #expect(sequence.message([Self.requests: 1], at: .seconds(second)) == nil) }
    #expect(
      sequence.message([Self.requests: 1], at: .seconds(300)) == .init(sequence: 2, isWhole: false, values: [:]))
  }

  /// It may have started anew, and know nothing.
  @Test func aConnectionToAControlPlaneIsFollowedByAMessage() {
    var sequence = Self.begun()
    sequence.noteConnection()
    #expect(sequence.message([Self.requests: 1], at: .seconds(1)) == nil)
    #expect(
      sequence.message([Self.requests: 1], at: .seconds(2)) == .init(sequence: 2, isWhole: false, values: [:]))
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 1], at: .seconds(100)) == nil)
  }

  @Test func newsComeAtOnceAfterAPauseAndThenNotTooOften() {
    var sequence = Self.begun()
    #expect(sequence.message([Self.requests: 2], at: .seconds(40))?.values == [Self.requests: 2])
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 3], at: .seconds(42)) == nil)
    // Who begins to get requests is looked at more closely.
    #expect(sequence.message([Self.requests: 4], at: .seconds(45))?.values == [Self.requests: 4])
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 5, Self.random: 1], at: .seconds(60))?.values.count == 2)
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 6, Self.random: 2], at: .seconds(65))?.values.count == 2)
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 7, Self.random: 3], at: .seconds(72)) == nil)
    #expect(sequence.message([Self.requests: 7, Self.random: 3], at: .seconds(73))?.values.count == 2)
  }

  /// Spans that vanish are found soon, and a control plane that always waits gets no more than a message every two seconds.
  @Test func whatTheControlPlaneWaitsForComesSoon() {
    var sequence = Self.begun()
    var messages = 0
    for second in stride(from: 2, through: 120, by: 2) {
      guard sequence.message([Self.requests: second], at: .seconds(second)) != nil else { continue }
      messages += 1
      sequence.take(second > 60 ? .awaited : .kept)
    }
    // Four in the first half minute, five until the control plane says that it waits, then one at each reading.
    #expect(messages == 4 + 5 + 28)
    // Nothing is told where nothing was counted.
    #expect(sequence.message([Self.requests: 120], at: .seconds(130)) == nil)
  }

  /// Answers are counted between two readings: after the first of them.
  @Test func theTimeOfTheNewestAnswerIsTold() {
    let sent = Statistic("zipkin", .reportsSent)
    var sequence = EvidenceSequence(EvidencePace())
    #expect(sequence.message([sent: 5], at: .seconds(1))?.answered == nil)
    sequence.take(.kept)
    #expect(sequence.message([sent: 6], at: .seconds(3)) == nil)
    #expect(sequence.message([sent: 6, Self.requests: 1], at: .seconds(6))?.answered == .seconds(1))
    sequence.take(.kept)
    #expect(sequence.message([sent: 6, Self.requests: 2], at: .seconds(9)) == nil)
    #expect(sequence.message([sent: 7, Self.requests: 2], at: .seconds(11))?.answered == .seconds(9))
  }

  @Test func failuresComeSooner() {
    var sequence = Self.begun()
    #expect(sequence.message([Self.requests: 1, Self.dropped: 1], at: .seconds(1)) == nil)
    #expect(
      sequence.message([Self.requests: 1, Self.dropped: 1], at: .seconds(2))?.values == [Self.dropped: 1])
    sequence.take(.kept)
    #expect(sequence.message([Self.requests: 1, Self.dropped: 2], at: .seconds(6)) == nil)
    #expect(
      sequence.message([Self.requests: 1, Self.dropped: 2], at: .seconds(7))?.values == [Self.dropped: 2])
  }

  @Test func requestsInFlightAreToldWithOtherNewsOnly() {
    var sequence = Self.begun()
    #expect(sequence.message([Self.requests: 1, Self.active: 1], at: .seconds(20)) == nil)
    #expect(sequence.message([Self.requests: 2, Self.active: 1], at: .seconds(22))?.values.count == 2)
  }

  @Test func whatWasNotAcknowledgedIsToldAgain() {
    var sequence = Self.begun()
    let lost = sequence.message([Self.requests: 2], at: .seconds(5))
    sequence.take(.failed)
    let next = sequence.message([Self.requests: 2], at: .seconds(10))
    #expect(next == lost)
  }

  @Test func aControlPlaneThatKnowsNothingGetsEverythingAtOnce() {
    var sequence = Self.begun([Self.requests: 1, Self.dropped: 7])
    _ = sequence.message([Self.requests: 2, Self.dropped: 7], at: .seconds(5))
    sequence.take(.wholeWanted)
    #expect(
      sequence.message([Self.requests: 2, Self.dropped: 7], at: .seconds(5))
        == .init(sequence: 2, isWhole: true, values: [Self.requests: 2, Self.dropped: 7]))
  }

  @Test func statisticsThatAreGoneAreToldByTheirAbsence() {
    var sequence = Self.begun([Self.requests: 1, Self.dropped: 7])
    #expect(sequence.message([Self.dropped: 7], at: .seconds(2)) == nil)
    #expect(
      sequence.message([Self.dropped: 7], at: .seconds(5))
        == .init(sequence: 2, isWhole: true, values: [Self.dropped: 7]))
    sequence.take(.kept)
    #expect(sequence.message([Self.dropped: 7], at: .seconds(12)) == nil)
  }
}
