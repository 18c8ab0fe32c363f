import Foundation
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// Whom the analysis blames for broken traces, and whom it does not.
@Suite(.heavy) struct PropagationTests {
  /// More seeds than one are for an afternoon: PROPAGATION_SEEDS.
  private static let seeds = ProcessInfo.processInfo.environment["PROPAGATION_SEEDS"].flatMap { UInt64($0) } ?? 1

  @Test("Who breaks no trace is not blamed in 10,000 requests", arguments: PropagationScenario.innocent)
  func innocent(scenario: PropagationScenario) {
    for seed in 1...Self.seeds {
      let outcome = scenario.simulation.requestsUntilBlamed(seed: seed, looks: 10)
      #expect(outcome.requests == nil, "seed \(seed): \(outcome.report.blamed.map(\.message))")
      #expect(outcome.report.services.map(\.name) == ["orders"])
    }
  }

  @Test("Who breaks traces is found", arguments: PropagationScenario.broken)
  func broken(scenario: PropagationScenario, within: Int) throws {
    for seed in 1...Self.seeds {
      let outcome = scenario.simulation.requestsUntilBlamed(seed: seed, looks: 100)
      let requests = try #require(outcome.requests, "seed \(seed)")
      #expect(requests <= within, "seed \(seed)")
      let service = try #require(outcome.report.blamed.first)
      #expect(service.callees.filter(\.isBroken).map(\.name) == ["payments"])
    }
  }

  // MARK: What is said

  /// Requests every 200 ms or so, each with a call 5 ms after its start.
  func calls(
    _ count: Int, from first: Int = 0, isForwarded: Bool, id: (Int) -> UInt64 = { _ in 0 }, service: String = "orders",
    callee: String = "payments"
  ) -> [Span] {
    (first..<first + count).flatMap { index -> [Span] in
      let start = Int64(index) * 200 + Int64(index * 37 % 50)
      let trace = UInt64(2 * index + 1)
      let own = UInt64(1_000_000 + 2 * index)
      let number = id(index)
      return [
        proxySpan(trace, trace, nil, .server, service, at: start, for: 40, number: number),
        proxySpan(
          isForwarded ? trace : own, own, isForwarded ? trace : nil, .client, service, at: start + 5, for: 20,
          callee: callee, number: number),
      ]
    }
  }

  private func proxySpan(
    _ trace: UInt64, _ id: UInt64, _ parent: UInt64?, _ kind: Span.Kind, _ service: String, at start: Int64,
    for length: Int64, callee: String? = nil, number: UInt64 = 0
  ) -> Span {
    var tags = [Span.Tag("node_id", "default.\(service)-1"), Span.Tag("component", "proxy")]
    if let callee { tags.append(Span.Tag("upstream_cluster", callee)) }
    if number != 0 { tags.append(Span.Tag("guid:x-request-id", "id-\(number)")) }
    return span(
      trace: trace, id, parent: parent, kind, service: service, at: start, for: length * 1_000, tags: tags,
      shared: kind == .server)
  }

  func report(_ spans: [Span], limits: PropagationLimits = PropagationLimits()) -> PropagationReport {
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(spans, now: SampleSpans.now)
    return analyzer.report(from: 0, to: 1 << 60)
  }

  @Test("A service that forwards nothing is told which headers to copy")
  func breaks() throws {
    let service = try #require(report(calls(60, isForwarded: false)).blamed.first)
    #expect(service.verdict == .breaks)
    #expect([service.inbound, service.continued, service.started] as [Int] == [60, 0, 60])
    #expect(service.rate == 0)
    #expect(
      service.message
        == "orders forwards the trace headers to payments in 0 of 60 calls. Copy these headers from each request to the "
        + "requests made for it: x-request-id, b3, x-b3-traceid, x-b3-spanid, x-b3-parentspanid, x-b3-sampled, x-b3-flags."
    )
    let example = try #require(service.examples.first)
    #expect(example.callee == "payments")
    #expect(example.example.brokenTrace.low == example.example.trace.low - 1 + 1_000_000)
    #expect((0.8...0.95).contains(example.example.confidence))
  }

  @Test("One that stopped forwarding is named, with what it does now")
  func stopped() throws {
    let spans = calls(30, isForwarded: true) + calls(60, from: 30, isForwarded: false)
    let service = try #require(report(spans).blamed.first)
    #expect(service.verdict == .breaks)
    #expect(
      service.message.hasPrefix(
        "orders forwards the trace headers to payments in 30 of 90 calls, and in none of the last 60. "))
    #expect(service.rate.map { abs($0 - 1.0 / 3) < 1e-9 } == true)
    #expect([service.recentContinued, service.recentStarted] as [Int] == [30, 60])
  }

  @Test("What a service did in its last calls decides, not the hour", arguments: [60, 400, 1_200])
  func recent(last: Int) throws {
    // Long enough that both parts have minutes of their own, and that a minute has both.
    let spans = calls(2_000, isForwarded: true) + calls(last, from: 2_000, isForwarded: false)
    let service = try #require(report(spans).blamed.first)
    #expect(service.verdict == .breaks)
    let run = service.message.firstMatch(of: /and in none of the last ([0-9]+)\. Copy/)?.1 ?? ""
    // Beyond as many as are kept one by one, whole minutes count.
    #expect((min(last, 256)...last).contains(Int(run) ?? 0), "\(service.message)")
    #expect(service.recentStarted == min(last, 100))
    #expect(service.callees.map(\.isBroken) == [true])
  }

  @Test("One that was mended is blamed no more, and it is said since when", arguments: [60, 400, 1_200])
  func mended(last: Int) throws {
    let spans = calls(500, isForwarded: false) + calls(last, from: 500, isForwarded: true)
    let report = report(spans)
    #expect(report.blamed.isEmpty)
    let service = try #require(report.services.first)
    #expect(service.verdict == .forwards)
    let run = service.message.firstMatch(of: /again, in all of the last ([0-9]+) calls; 500 of/)?.1 ?? ""
    #expect((min(last, 256)...last).contains(Int(run) ?? 0), "\(service.message)")
    #expect(service.message.hasSuffix("; 500 of \(500 + last) began traces before."))
    #expect(service.callees.map(\.isBroken) == [false])
    // A few calls are no proof of it yet.
    let few = calls(500, isForwarded: false) + calls(8, from: 500, isForwarded: true)
    #expect(self.report(few).blamed.map(\.verdict) == [.partly])
  }

  @Test("One that breaks every tenth call is not taken for mended between two of them")
  func betweenTwo() {
    let spans = (0..<60).flatMap { part in
      calls(25, from: part * 26, isForwarded: true) + calls(1, from: part * 26 + 25, isForwarded: false)
    }
    #expect(report(spans + calls(25, from: 1_560, isForwarded: true)).blamed.map(\.verdict) == [.partly])
  }

  @Test("Calls of its own beside those for requests hide neither that a service broke nor that it was mended")
  func besideOthers() throws {
    var simulation = PropagationSimulation()
    simulation.requests = 3_000
    simulation.background = [.random(perSecond: 5, callee: "payments")]
    simulation.calls = [("payments", 0)]
    let good = simulation.reports(seed: 3).map(\.span)
    simulation.calls = [("payments", 1)]
    let bad = simulation.reports(seed: 4).map(\.span)
    func joined(_ first: [Span], _ second: [Span]) -> PropagationReport {
      let end = first.map(\.end).max() ?? 0
      let shift = end - PropagationSimulation.begin * 1_000 + 5_000_000
      var analyzer = PropagationAnalyzer()
      let later = second.map { span in
        var span = span
        span.timestamp += shift
        return span
      }
      analyzer.add(first + later, now: (later.map(\.end).max() ?? 0) / 1_000)
      return analyzer.report(from: 0, to: 1 << 60)
    }
    #expect(joined(good, bad).blamed.map(\.verdict) == [.breaks])
    let mended = joined(bad, good)
    #expect(mended.blamed.isEmpty, "\(mended.blamed.map(\.message))")
    #expect(mended.services.map(\.verdict) == [.forwards])
  }

  @Test("The newest calls are kept in order, however they come, and no more than so many")
  func recentCalls() {
    var random = SeededGenerator(seed: 5)
    let starts = (1...1_000).map { Int64($0) }
    var inOrder = RecentCalls()
    var shuffled = RecentCalls()
    for start in starts { inOrder.note(at: start, isContinued: start % 3 == 0) }
    for start in starts.shuffled(using: &random) { shuffled.note(at: start, isContinued: start % 3 == 0) }
    #expect(inOrder.calls == shuffled.calls)
    #expect(inOrder.calls.count == 256)
    let outcome = RecentCalls.outcome(of: inOrder.calls(from: 0, to: 999, withStarted: true))
    #expect(outcome == RecentCalls.Outcome(continued: 34, started: 66, run: 1, runContinues: true))
    #expect(RecentCalls.outcome(of: []).count == 0)
  }

  @Test("The id of a request with another trace leaves no doubt, however few calls there are")
  func requestID() throws {
    let spans = calls(3, isForwarded: false, id: { UInt64($0 + 1) })
    let service = try #require(report(spans).blamed.first)
    #expect(service.message.contains(" (x-request-id is forwarded already, the others are not.) Copy these headers"))
    #expect(service.examples.allSatisfy { $0.example.isCertain && $0.example.confidence == 0.99 })
    #expect(report(calls(3, isForwarded: false, id: { UInt64($0 % 2 + 7 * ($0 + 1)) })).services.count == 1)
    #expect(report(calls(2, isForwarded: false, id: { UInt64($0 + 1) })).blamed.isEmpty)
  }

  @Test("Few calls are no evidence")
  func few() throws {
    let service = try #require(report(calls(8, isForwarded: false)).services.first)
    #expect(service.verdict == .unknown)
    #expect(service.message == "orders made 8 calls that began traces; nothing says that they were made for requests.")
    #expect(service.rate == nil)
  }

  @Test("The other verdicts")
  func verdicts() throws {
    let forwards = try #require(report(calls(10, isForwarded: true)).services.first)
    #expect(forwards.verdict == .forwards)
    #expect(forwards.message == "orders forwards the trace headers in all 10 calls that it made for requests.")
    #expect(forwards.rate == 1)
    let receives = try #require(report(calls(10, isForwarded: true).filter { $0.kind == .server }).services.first)
    #expect(receives.verdict == .receivesOnly)
    let gateway = try #require(report(calls(90, isForwarded: false).filter { $0.kind == .client }).services.first)
    #expect(gateway.verdict == .unknown)
    #expect(gateway.message == "orders makes calls and received no request through its proxy: it begins traces.")
  }

  @Test("The order in which spans come makes no difference")
  func order() {
    let spans = calls(60, isForwarded: false) + calls(60, from: 60, isForwarded: true)
    let expected = report(spans).services.map(\.message)
    var random = SeededGenerator(seed: 7)
    #expect(expected.first?.contains("again, in all of the last 60 calls") == true)
    #expect(report(spans.shuffled(using: &random)).services.map(\.message) == expected)
    #expect(report(spans.reversed()).services.map(\.message) == expected)
    let broken = calls(60, isForwarded: true) + calls(60, from: 60, isForwarded: false)
    let blamed = report(broken).blamed.map(\.message)
    #expect(blamed.first?.contains("in none of the last 60") == true)
    #expect(report(broken.shuffled(using: &random)).blamed.map(\.message) == blamed)
  }

  @Test("Only the time that is asked for counts")
  func time() throws {
    var analyzer = PropagationAnalyzer()
    analyzer.add(calls(60, isForwarded: false), now: SampleSpans.now)
    let begin = (SampleSpans.now - 60_000) * 1_000
    #expect(analyzer.report(from: begin, to: begin + 1).services.count == 1)
    #expect(analyzer.report(from: 0, to: begin - 60_000_000).services.isEmpty)
    #expect(analyzer.report(from: begin + 120_000_000, to: 1 << 60).services.isEmpty)
  }

  // MARK: Bounds

  @Test("What is kept is bounded, and a break is found nevertheless")
  func bounds() throws {
    var limits = PropagationLimits()
    limits.events = 64
    limits.leastEventsPerProxy = 64
    let service = try #require(report(calls(250, isForwarded: false), limits: limits).blamed.first)
    #expect([service.inbound, service.started] as [Int] == [250, 250])
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(calls(250, isForwarded: false), now: SampleSpans.now)
    #expect(analyzer.instances.allSatisfy { $0.inbound.count + $0.started.count <= 65 })
  }

  @Test("Times that are none do no harm")
  func hostileTimes() {
    let times: [Int64] = [
      0, 1, -1, .min, .max, .max - 1, 1 << 60, SampleSpans.now * 1_000, SampleSpans.now * 1_001,
    ]
    var spans: [Span] = []
    for start in times {
      for length in times {
        for kind in Span.Kind.allCases {
          var span = span(1, kind, service: "orders")
          span.timestamp = start
          span.duration = length
          spans.append(span)
        }
      }
    }
    for now in times {
      var analyzer = PropagationAnalyzer()
      analyzer.add(spans, now: now)
      _ = analyzer.report(from: .min, to: .max)
    }
    var analyzer = PropagationAnalyzer()
    analyzer.add(spans, now: SampleSpans.now)
    analyzer.add(calls(60, isForwarded: false), now: SampleSpans.now)
    #expect(analyzer.report(from: .min, to: .max).blamed.count == 1)
  }
}
