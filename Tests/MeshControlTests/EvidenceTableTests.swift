import MeshModel
import MeshPolicy
import ProxyEvidence
import Testing

@testable import MeshControl

/// What a control plane keeps of the evidence of its proxies.
@Suite struct EvidenceTableTests {
  private static let proxy = ProxyID(mesh: "default", name: "web")
  private static let requests = Statistic("backend", .requests)
  private static let begin = Timestamp(seconds: 1_000_000)

  private static func report(
    _ sequence: Int, _ requests: Int, isWhole: Bool = false, epoch: String = "a", name: String = "web"
  ) -> EvidenceReport {
    var report = EvidenceReport(
      mesh: "default", name: name, epoch: epoch, sequence: sequence, isWhole: isWhole, time: begin)
    report.values = [Self.requests: requests]
    return report
  }

  private static func requests(_ table: EvidenceTable, over span: Duration = .seconds(600)) -> Int? {
    table.evidence(of: proxy)?.change(over: span, at: begin).listeners["backend"]?.requests
  }

  @Test func aMessageThatContinuesNothingIsAnsweredWithAQuestionForAll() {
    let table = EvidenceTable()
    #expect(table.take(Self.report(5, 50), now: Self.begin) == .wholeWanted)
    #expect(table.evidence(of: Self.proxy) == nil)
    #expect(table.take(Self.report(5, 50, isWhole: true), now: Self.begin) == .kept)
    #expect(table.take(Self.report(6, 60), now: Self.begin) == .kept)
    // Its answer was lost: it comes again, with more.
    #expect(table.take(Self.report(6, 70), now: Self.begin) == .kept)
    #expect(Self.requests(table) == 20)
    // Others had those between.
    #expect(table.take(Self.report(8, 90), now: Self.begin) == .wholeWanted)
    #expect(table.take(Self.report(7, 90, epoch: "b"), now: Self.begin) == .wholeWanted)
    #expect(table.verdicts == [.kept: 3, .wholeWanted: 3])
  }

  @Test func anotherEnvoyCountsFromZero() {
    let table = EvidenceTable()
    _ = table.take(Self.report(1, 50, isWhole: true), now: Self.begin)
    #expect(table.take(Self.report(1, 9, isWhole: true, epoch: "b"), now: Self.begin) == .kept)
    #expect(Self.requests(table) == 9)
  }

  /// What two proxies with one name count cannot be told apart, and nothing is counted twice.
  @Test func twoProxiesWithOneNameDoNotMakeCounts() {
    let table = EvidenceTable()
    for sequence in 2..<20 {
      for epoch in ["a", "b"] {
        _ = table.take(Self.report(sequence, 1_000, isWhole: true, epoch: epoch), now: Self.begin)
      }
    }
    #expect(Self.requests(table) == 0)
  }

  /// A report that Envoy counts as answered is stored by then, or is never.
  @Test(
    "more is wanted of a proxy whose newest answered report is not stored, until that is certain",
    arguments: [(nil, false), (99.0, true), (98.5, true), (101, false), (97, false)] as [(Double?, Bool)])
  func awaited(stored: Double?, isAwaited: Bool) {
    let table = EvidenceTable()
    func time(_ seconds: Double) -> Timestamp {
      Timestamp(nanosecondsSince1970: Self.begin.nanosecondsSince1970 + Int64(seconds * 1e9))
    }
    var report = Self.report(1, 50, isWhole: true)
    report.answerAge = .milliseconds(2_000)
    _ = table.take(report, now: time(102))
    #expect(!table.isAwaited(Self.proxy), "nobody knows what is stored")
    let last = stored.map(time)
    table.compare { $0 == Self.proxy ? last : nil }
    #expect(table.isAwaited(Self.proxy) == isAwaited)
  }

  @Test func evidenceOfProxiesThatLeftGoes() {
    let table = EvidenceTable()
    table.connect(Self.proxy)
    _ = table.take(Self.report(1, 1, isWhole: true), now: Self.begin)
    func later(_ seconds: Int64) {
      let time = Timestamp(seconds: Self.begin.seconds + seconds)
      _ = table.take(Self.report(1, 1, isWhole: true, name: "other"), now: time)
    }
    later(700)
    #expect(table.evidence(of: Self.proxy) != nil)
    table.forget(Self.proxy)
    #expect(table.evidence(of: Self.proxy) != nil && table.isConnected(Self.proxy))
    table.disconnect(Self.proxy)
    #expect(!table.isConnected(Self.proxy))
    later(1_400)
    #expect(table.evidence(of: Self.proxy) == nil)
    #expect(table.all(mesh: "default").keys.map(\.name) == ["other"])
    #expect(table.all(mesh: "other").isEmpty && table.all(mesh: nil).count == 1)
    table.forget(ProxyID(mesh: "default", name: "other"))
    #expect(table.count == 0)
  }

  @Test func thereIsPlaceForSoManyProxies() {
    let table = EvidenceTable(limit: 1)
    #expect(table.take(Self.report(1, 1, isWhole: true), now: Self.begin) == .kept)
    #expect(table.take(Self.report(1, 1, isWhole: true, name: "other"), now: Self.begin) == .full)
    #expect(table.take([Self.requests: 1], of: ProxyID(mesh: "default", name: "third"), now: Self.begin) == .full)
    #expect(table.take(Self.report(2, 2), now: Self.begin) == .kept)
  }

  @Test func theMetricsServiceIsSecondToKumaDp() throws {
    let table = EvidenceTable()
    #expect(table.take([Self.requests: 10], of: Self.proxy, now: Self.begin) == .kept)
    #expect(table.take([Self.requests: 15], of: Self.proxy, now: Self.begin) == .kept)
    #expect(Self.requests(table) == 5)
    #expect(table.evidence(of: Self.proxy)?.source == .metricsService)
    #expect(table.take(Self.report(1, 20, isWhole: true), now: Self.begin) == .kept)
    #expect(table.take([Self.requests: 99], of: Self.proxy, now: Self.begin) == .kept)
    let evidence = try #require(table.evidence(of: Self.proxy))
    #expect(evidence.source == .kumaDp && evidence.newest.listeners["backend"]?.requests == 20)
  }

  @Test(.timeLimit(.minutes(1))) func readersAreTold() async {
    let table = EvidenceTable()
    var changes = table.changes().makeAsyncIterator()
    _ = table.take(Self.report(1, 1, isWhole: true), now: Self.begin)
    #expect(await changes.next() != nil)
  }
}
