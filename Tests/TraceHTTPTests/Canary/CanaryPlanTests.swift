import TestSupport
import Testing

@testable import TraceHTTP

/// When the canary sends, asks and gives up, on a clock that the test moves.
@Suite struct CanaryPlanTests {
  private static let minute = Duration.seconds(60)

  @Test("The first trace comes after five seconds, and the next ones a minute after each other")
  func cadence() {
    var plan = CanaryPlan(interval: Self.minute, at: .seconds(100))
    #expect(plan.next(at: .seconds(100)) == .wait(until: .seconds(105)))
    #expect(plan.next(at: .seconds(105)) == .send)
    #expect(plan.sent(.stored, at: .seconds(106)) == nil)
    #expect(plan.next(at: .seconds(106)) == .ask)
    #expect(plan.asked(.found, at: .seconds(107)) == .found(after: .seconds(2)))
    #expect(plan.next(at: .seconds(107)) == .wait(until: .seconds(165)))
    #expect(plan.next(at: .seconds(165)) == .send)
    #expect(plan.sent(.refused("full"), at: .seconds(166)) == .refused("full"))
    #expect(plan.next(at: .seconds(166)) == .wait(until: .seconds(225)))
  }

  @Test("A short interval shortens the first wait and the time for which a trace is looked for")
  func short() {
    var plan = CanaryPlan(interval: .seconds(2), at: .zero)
    #expect(plan.next(at: .zero) == .wait(until: .seconds(2)))
    #expect(plan.next(at: .seconds(2)) == .send)
    #expect(plan.sent(.stored, at: .seconds(2)) == nil)
    #expect(plan.asked(.absent, at: .seconds(4)) == .lost("it was stored, and no query finds it"))
    #expect(plan.next(at: .seconds(4)) == .send)
  }

  @Test("A trace that is not found is asked for with growing pauses, and lost after ten seconds")
  func lost() {
    var plan = CanaryPlan(interval: Self.minute, at: .zero)
    var now = Duration.seconds(5)
    #expect(plan.next(at: now) == .send)
    #expect(plan.sent(.stored, at: now) == nil)
    var asked: [Duration] = []
    var outcome: CanaryPlan.Outcome?
    while outcome == nil, asked.count < 100 {
      switch plan.next(at: now) {
      case .wait(let time): now = time
      case .ask:
        asked.append(now)
        outcome = plan.asked(.absent, at: now)
      case .send: outcome = .refused("it was sent twice")
      }
    }
    #expect(outcome == .lost("it was stored, and no query finds it"))
    #expect(asked.first == .seconds(5) && asked.last == .seconds(15))
    #expect(asked.count < 20)
    let pauses = zip(asked.dropFirst(), asked).map { $0 - $1 }
    #expect(Array(pauses.prefix(5)) == [50, 100, 200, 400, 800].map { Duration.milliseconds($0) })
    #expect(pauses.allSatisfy { $0 <= CanaryPlan.longestPause })
  }

  @Test("A loss names the last failure of a query, unless a later query was answered")
  func failures() {
    var plan = CanaryPlan(interval: Self.minute, at: .zero)
    for (findings, reason) in [
      ([CanaryPlan.Finding.failed("503")], "it was stored, and queries are not answered: 503"),
      ([.failed("503"), .absent], "it was stored, and no query finds it"),
    ] {
      var now = Duration.seconds(600)
      #expect(plan.next(at: now) == .send)
      #expect(plan.sent(.stored, at: now) == nil)
      for finding in findings.dropLast() { #expect(plan.asked(finding, at: now) == nil) }
      now += CanaryPlan.patience
      #expect(plan.asked(findings.last ?? .absent, at: now) == .lost(reason))
      // The next one starts anew.
      plan = CanaryPlan(interval: Self.minute, at: .zero)
    }
  }

  @Test("Traces that take longer than the interval leave out the ones between")
  func slow() {
    var plan = CanaryPlan(interval: .seconds(1), at: .zero)
    #expect(plan.next(at: .seconds(1)) == .send)
    #expect(plan.sent(.refused("late"), at: .seconds(11)) == .refused("late"))
    #expect(plan.next(at: .seconds(11)) == .send)
    #expect(plan.sent(.stored, at: .seconds(11)) == nil)
    #expect(plan.asked(.found, at: .seconds(11)) == .found(after: .zero))
    #expect(plan.next(at: .seconds(11)) == .wait(until: .seconds(12)))
  }

  @Test("What nobody asked for changes nothing")
  func strays() {
    var plan = CanaryPlan(interval: Self.minute, at: .zero)
    #expect(plan.sent(.stored, at: .zero) == nil)
    #expect(plan.asked(.found, at: .zero) == nil)
    #expect(plan.next(at: .seconds(5)) == .send)
    #expect(plan.asked(.found, at: .seconds(5)) == nil)
    #expect(plan.sent(.stored, at: .seconds(6)) == nil)
    #expect(plan.sent(.refused("again"), at: .seconds(6)) == nil)
    #expect(plan.asked(.found, at: .seconds(7)) == .found(after: .seconds(2)))
  }

  @Test("Whatever happens, each trace has one outcome, and one is sent in each interval at most")
  func anything() {
    var random = SeededGenerator(seed: 47)
    for _ in 0..<200 {
      let interval = Duration.milliseconds(Int.random(in: 1_000...90_000, using: &random))
      var plan = CanaryPlan(interval: interval, at: .zero)
      var (now, sent, outcomes, last) = (Duration.zero, 0, 0, Duration.zero - interval)
      for _ in 0..<300 {
        let took = Duration.milliseconds(Int.random(in: 0...12_000, using: &random))
        switch plan.next(at: now) {
        case .wait(let time):
          #expect(time > now)
          now = time
        case .send:
          #expect(now - last >= interval && sent == outcomes)
          (last, sent) = (now, sent + 1)
          now += took
          let reception: CanaryPlan.Reception = Int.random(in: 0..<4, using: &random) == 0 ? .refused("x") : .stored
          if plan.sent(reception, at: now) != nil { outcomes += 1 }
        case .ask:
          now += took
          let finding = [CanaryPlan.Finding.found, .absent, .failed("x")][Int.random(in: 0..<3, using: &random)]
          if plan.asked(finding, at: now) != nil { outcomes += 1 }
        }
        #expect(sent - outcomes == 0 || sent - outcomes == 1)
      }
      #expect(outcomes > 0)
    }
  }
}
