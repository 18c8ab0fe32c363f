import Documents
import ProxyEvidence
import Testing

/// What is kept of a proxy's evidence.
@Suite struct EvidenceHistoryTests {
  private static let requests = Statistic("backend", .requests)
  private static let begin = Timestamp(seconds: 1_000_000)

  private static func time(_ seconds: Double) -> Timestamp {
    Timestamp(nanosecondsSince1970: begin.nanosecondsSince1970 + Int64(seconds * 1e9))
  }

  private static func history(_ requests: Int) -> EvidenceHistory {
    var history = EvidenceHistory(source: .kumaDp, at: begin)
    history.record([Self.requests: requests], isWhole: true, epoch: "a", at: begin)
    return history
  }

  private static func requests(_ evidence: EnvoyEvidence) -> Int { evidence.listeners["backend"]?.requests ?? 0 }

  @Test func changesAreCountedFromTheFirstMessageOn() {
    var history = Self.history(1_000)
    history.record([Self.requests: 1_010], isWhole: false, epoch: "a", at: Self.time(5))
    history.record([Self.requests: 1_030], isWhole: false, epoch: "a", at: Self.time(12))
    #expect(Self.requests(history.newest) == 1_030)
    #expect(Self.requests(history.change(over: .seconds(60), at: Self.time(12))) == 30)
    #expect(Self.requests(history.change(over: .seconds(5), at: Self.time(12))) == 20)
    #expect(Self.requests(history.change(over: .seconds(5), at: Self.time(18))) == 0)
  }

  @Test func anotherProcessAndACounterThatGoesBackCountFromZero() {
    var history = Self.history(1_000)
    history.record([Self.requests: 7], isWhole: true, epoch: "b", at: Self.time(5))
    #expect(history.epochBegin == Self.time(5))
    history.record([Self.requests: 3], isWhole: false, epoch: "b", at: Self.time(10))
    #expect(Self.requests(history.change(over: .seconds(60), at: Self.time(10))) == 10)
  }

  @Test func theSameProcessWithMoreThanBeforeIsNoGap() {
    var history = Self.history(10)
    history.record([Self.requests: 1_000_000], isWhole: true, epoch: "b", at: Self.time(5))
    #expect(Self.requests(history.change(over: .seconds(60), at: Self.time(5))) == 1_000_000)
  }

  @Test func whatIsNotInAWholeMessageIsForgotten() {
    let other = Statistic("tracing_jaeger", .reports)
    var history = Self.history(10)
    history.record([other: 5], isWhole: false, epoch: "a", at: Self.time(5))
    history.record([Self.requests: 11], isWhole: false, epoch: "a", at: Self.time(10))
    history.record([other: 9], isWhole: true, epoch: "a", at: Self.time(20))
    #expect(history.newest.listeners.isEmpty)
    #expect(history.newest.collectors["tracing_jaeger"]?.requests == 9)
    #expect(history.change(over: .seconds(60), at: Self.time(20)).collectors["tracing_jaeger"]?.requests == 9)
  }

  @Test func numbersOfTheMomentAreTheNewest() {
    var history = EvidenceHistory(source: .kumaDp, at: Self.begin)
    history.record([Statistic("backend", .active): 4], isWhole: true, epoch: "a", at: Self.begin)
    history.record([Statistic("backend", .active): 1], isWhole: false, epoch: "a", at: Self.time(5))
    #expect(history.change(over: .seconds(1), at: Self.time(60)).listeners["backend"]?.active == 1)
    #expect(history.samples().isEmpty)
  }

  /// Either the proxy says so, or it was after the message before.
  @Test func theTimeOfTheNewestAnswerIsKnown() {
    let sent = Statistic("zipkin", .reportsSent)
    var history = EvidenceHistory(source: .kumaDp, at: Self.begin)
    history.record([sent: 4], isWhole: true, epoch: "a", at: Self.begin)
    #expect(history.answered == nil)
    history.record([sent: 5], isWhole: false, epoch: "a", at: Self.time(8))
    #expect(history.answered == Self.begin)
    history.record([sent: 9], isWhole: false, epoch: "a", answerAge: .milliseconds(2_500), at: Self.time(16))
    #expect(history.answered == Self.time(13.5))
    history.record([Self.requests: 1], isWhole: false, epoch: "a", answerAge: .seconds(10), at: Self.time(24))
    #expect(history.answered == Self.time(14), "it is not earlier than what was known")
    history.record([sent: 1], isWhole: true, epoch: "b", at: Self.time(30))
    #expect(history.answered == nil, "another Envoy")
    history.record([sent: 2], isWhole: true, epoch: "b", answerAge: .seconds(Int64.max), at: Self.time(38))
    #expect(history.answered == Self.time(30), "an age that nobody can have")
  }

  @Test func signsOfLifeKeepEvidenceFresh() {
    var history = Self.history(1)
    #expect(history.isFresh(at: Self.time(60)))
    #expect(!history.isFresh(at: Self.time(331)))
    history.recordSignOfLife(at: Self.time(300))
    #expect(history.isFresh(at: Self.time(620)))
    #expect(history.age(at: Self.time(310)) == .seconds(10))
  }

  @Test func aClockThatIsSetBackStandsStill() {
    var history = Self.history(1)
    history.record([Self.requests: 3], isWhole: false, epoch: "a", at: Self.time(100))
    history.record([Self.requests: 6], isWhole: false, epoch: "a", at: Self.time(-50))
    #expect(history.time == Self.time(100))
    #expect(Self.requests(history.change(over: .seconds(1), at: Self.time(100))) == 5)
  }

  /// Ten minutes are known at any time, the last of them finely, and never more than the bound.
  @Test(arguments: [1, 40, 4_000_000]) func aLongTimeTakesLittleMemory(step: Int) {
    var history = Self.history(0)
    let names = (0..<10).map { Statistic("service_\($0)", .requests) }
    var largest = 0
    for second in stride(from: 5, through: 3_600, by: 5) {
      var values = Dictionary(uniqueKeysWithValues: names.map { ($0, second * step) })
      values[Self.requests] = second * step
      history.record(values, isWhole: false, epoch: "a", at: Self.time(Double(second)))
      largest = max(largest, history.size)
    }
    #expect(largest <= 2_400)
    let minute = history.change(over: .seconds(60), at: Self.time(3_600))
    #expect(Self.requests(minute) == 60 * step)
    #expect(history.samples().allSatisfy { $0.begin < $0.time })
    #expect(history.samples().count <= 40)
    // Values are from few bytes to many; what does not fit is the oldest.
    #expect(history.samples().count >= (step == 1 ? 30 : 12))
  }

  @Test func thereAreNoMoreStatisticsThanTheLimitAndServicesGoFirst() {
    var history = EvidenceHistory(source: .kumaDp, at: Self.begin)
    var values = [Statistic("tracing_jaeger", .reports): 1]
    for number in 0..<900 { values[Statistic("a\(number)", .serviceRequests)] = 1 }
    for status in 100..<500 { values[Statistic("tracing_jaeger", .answers(UInt16(status)))] = 1 }
    history.record(values, isWhole: true, epoch: "a", at: Self.begin)
    #expect(history.omitted > 0)
    #expect(history.newest.collectors["tracing_jaeger"]?.answers.count == EvidenceLimits.answers)
    #expect(history.newest.services.count > 20)
    #expect(history.size < 4_000)
  }
}
