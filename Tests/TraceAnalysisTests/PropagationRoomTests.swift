import Testing
import TraceTestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// Anybody may send spans: made-up services, proxies and callees keep no real ones out.
extension PropagationTests {
  private static var small: PropagationLimits {
    var limits = PropagationLimits()
    limits.services = 40
    limits.proxies = 40
    limits.pairs = 80
    limits.calleesPerService = 8
    return limits
  }

  /// Calls of which each has a name that no other has: of its service, or else of its proxy or its callee.
  private func flood(
    _ range: Range<Int> = 0..<2_000, service: String? = nil, node: String? = nil, callee: String? = nil,
    _ kind: Span.Kind = .client
  ) -> [Span] {
    range.map { index in
      span(
        trace: UInt64(9_000_000 + index), UInt64(9_000_000 + index), kind, service: service ?? "made-up-\(index)",
        at: Int64(index % 10_000), remote: callee ?? "callee-\(index)",
        tags: [.init("node_id", node ?? "node-\(index)")])
    }
  }

  private func names(_ analyzer: PropagationAnalyzer) -> [String] {
    analyzer.report(from: 0, to: 1 << 60).blamed.map(\.name)
  }

  /// Whether no list is longer than its limit, be its places taken or free.
  private func expectBounds(_ analyzer: PropagationAnalyzer, location: SourceLocation = #_sourceLocation) {
    let limits = analyzer.limits
    #expect(analyzer.services.count <= limits.services, sourceLocation: location)
    #expect(analyzer.servicesByName.count == analyzer.serviceSlots.count, sourceLocation: location)
    #expect(analyzer.instances.count <= limits.proxies, sourceLocation: location)
    #expect(analyzer.instancesByProxy.count == analyzer.instanceSlots.count, sourceLocation: location)
    #expect(analyzer.pairs.count <= limits.pairs, sourceLocation: location)
    let pairs = analyzer.services.flatMap { Array($0.pairs.values) + Array($0.ownPairs.values) }
    #expect(pairs.sorted() == analyzer.pairSlots.taken, sourceLocation: location)
    #expect(
      analyzer.services.allSatisfy {
        $0.pairs.count <= limits.calleesPerService && $0.ownPairs.count <= limits.calleesPerService
      }, sourceLocation: location)
    #expect(
      analyzer.instances.allSatisfy {
        max($0.lastCall.count, $0.groupedUntil.count) < 4 * limits.calleesPerService
      }, sourceLocation: location)
  }

  @Test(
    "Made-up services hide neither a service that breaks traces nor one that comes after them", arguments: [20, 80])
  func floodOfServices(pairs: Int) throws {
    var limits = Self.small
    limits.pairs = pairs
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(calls(60, isForwarded: false), now: SampleSpans.now)
    let before = try #require(analyzer.report(from: 0, to: 1 << 60).blamed.first)
    analyzer.add(flood(), now: SampleSpans.now)
    expectBounds(analyzer)
    let report = analyzer.report(from: 0, to: 1 << 60)
    let after = try #require(report.blamed.first)
    #expect(after.message == before.message)
    #expect(after.examples.map(\.example) == before.examples.map(\.example), "Nothing of this service was forgotten.")
    #expect((0.8..<1).contains(report.lostShare))
    analyzer.add(calls(60, isForwarded: false, service: "billing"), now: SampleSpans.now)
    #expect(names(analyzer) == ["billing", "orders"])
  }

  @Test("A service that comes amid made-up ones is analysed")
  func amidFlood() {
    var analyzer = PropagationAnalyzer(limits: Self.small)
    analyzer.add(flood(0..<200), now: SampleSpans.now)
    for (index, span) in calls(60, isForwarded: false).enumerated() {
      analyzer.add([span] + flood(200 + 5 * index..<205 + 5 * index), now: SampleSpans.now)
    }
    expectBounds(analyzer)
    #expect(names(analyzer) == ["orders"])
  }

  @Test(
    "Made-up proxies, of the service itself or of others, change nothing of what is said", arguments: ["orders", "web"])
  func floodOfProxies(service: String) {
    var analyzer = PropagationAnalyzer(limits: Self.small)
    analyzer.add(calls(30, isForwarded: false), now: SampleSpans.now)
    analyzer.add(flood(service: service, callee: "", .server), now: SampleSpans.now)
    analyzer.add(calls(30, from: 30, isForwarded: false), now: SampleSpans.now)
    expectBounds(analyzer)
    #expect(names(analyzer) == ["orders"])
    analyzer.add(calls(60, isForwarded: false, service: "billing"), now: SampleSpans.now)
    #expect(names(analyzer) == ["billing", "orders"])
  }

  @Test("What a proxy showed stays when the proxy is forgotten")
  func forgottenProxy() {
    var limits = Self.small
    limits.proxies = 1
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(calls(60, isForwarded: false), now: SampleSpans.now)
    analyzer.add(flood(0..<3), now: SampleSpans.now)
    expectBounds(analyzer)
    #expect(names(analyzer) == ["orders"])
  }

  @Test("Made-up callees hide neither the one to which traces break nor one that comes after them")
  func floodOfCallees() throws {
    var limits = Self.small
    limits.events = 64
    limits.leastEventsPerProxy = 64
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(calls(250, isForwarded: false), now: SampleSpans.now)
    analyzer.add(flood(service: "orders", node: "made-up"), now: SampleSpans.now)
    expectBounds(analyzer)
    #expect(names(analyzer) == ["orders"])
    analyzer.add(calls(250, from: 250, isForwarded: false, callee: "stock"), now: SampleSpans.now)
    expectBounds(analyzer)
    let service = try #require(analyzer.report(from: 0, to: 1 << 60).blamed.first)
    #expect(service.verdict == .breaks)
    #expect(service.callees.filter(\.isBroken).map(\.name).sorted() == ["payments", "stock"])
  }

  @Test("A call is never attributed to the callee that has the slot of an evicted one")
  func reusedPlace() throws {
    var limits = Self.small
    limits.calleesPerService = 1
    limits.pairs = 1
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(
      calls(60, isForwarded: false) + calls(1, from: 60, isForwarded: true, callee: "stock"), now: SampleSpans.now)
    expectBounds(analyzer)
    let service = try #require(analyzer.report(from: 0, to: 1 << 60).services.first)
    #expect(service.callees.map(\.name) == ["stock"])
    #expect(service.callees.map { [$0.continued, $0.started, $0.unrelated] } == [[1, 0, 0]] as [[Int]])
  }

  @Test("Each span that was forgotten is counted once")
  func forgottenSpans() {
    var limits = Self.small
    limits.proxies = 4_000
    limits.pairs = 4_000
    var analyzer = PropagationAnalyzer(limits: limits)
    analyzer.add(flood() + flood(0..<500, service: "orders", node: "made-up"), now: SampleSpans.now)
    let kept = analyzer.services.reduce(0) { $0 + $1.pairs.count }
    #expect(analyzer.evictedCount == 2_500 - kept)
    #expect(analyzer.report(from: 0, to: 1 << 60).lostShare == Double(2_500 - kept) / 2_500)
  }

  @Test("There is room for so many services, proxies and callees, and what is forgotten for others is counted")
  func rooms() {
    var limits = PropagationLimits()
    limits.services = 3
    limits.proxies = 4
    limits.calleesPerService = 2
    limits.pairs = 3
    let spans = (0..<10).flatMap { service -> [Span] in
      (0..<10).map { callee in
        span(
          UInt64(service * 10 + callee + 1), .client, service: "s\(service)", remote: "c\(callee)",
          tags: [.init("node_id", "n\(callee % 2)")])
      }
    }
    let report = report(spans, limits: limits)
    #expect(report.services.count <= 3)
    #expect(report.services.contains { $0.name == "s9" })
    #expect(report.services.allSatisfy { $0.callees.count <= 2 })
    #expect((0.8..<1).contains(report.lostShare))
    limits.services = 0
    #expect(self.report(spans, limits: limits).lostShare == 1)
  }

  @Test("What is used most and what was used last stays, and a quarter of the places is evicted", arguments: 1...41)
  func usedPlaces(limit: Int) {
    var places = UsedSlots()
    let all = (0..<limit).map { _ in places.take() }
    #expect(places.leastUsed(of: all, limit: limit + 1, now: 0).isEmpty)
    for place in all { places.use(place, 0) }
    for _ in 0..<10 { places.use(all[0], 0) }
    let forgotten = places.leastUsed(of: all, limit: limit, now: 0)
    #expect(forgotten.count == max(1, limit / 4))
    if limit > 1 {
      #expect(!forgotten.contains(all[0]))
      // An hour later its many uses count no more.
      for place in all.dropFirst() { places.use(place, 3_600_001) }
      #expect(places.leastUsed(of: all, limit: limit, now: 3_600_001).contains(all[0]))
    }
    let uses = forgotten.map { places.release($0) }
    #expect(uses.allSatisfy { $0 > 0 })
    #expect(places.count == limit - forgotten.count)
    // A free place cannot be given free.
    for place in forgotten { _ = places.release(place) }
    let taken = forgotten.map { _ in places.take() }
    #expect(taken.sorted() == forgotten.sorted())
    #expect(places.taken == all)
  }
}
