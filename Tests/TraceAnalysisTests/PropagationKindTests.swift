import Foundation
import TestSupport
import Testing
import TraceTestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// In which way a service breaks traces, and that no other way is named.
@Suite(.heavy) struct PropagationKindTests {
  /// More seeds than one are for an afternoon: PROPAGATION_SEEDS.
  private static let seeds = ProcessInfo.processInfo.environment["PROPAGATION_SEEDS"].flatMap { UInt64($0) } ?? 1

  private func kinds(_ report: PropagationReport) -> Set<PropagationKind> {
    Set(report.services.flatMap { $0.findings.map(\.kind) })
  }

  @Test("Each kind is found within 500 requests, and no other", arguments: PropagationScenario.kinds)
  func found(scenario: PropagationScenario, kind: PropagationKind) {
    // Of 40 seeds 38 have to be right; a single seed has to be.
    var missed = 0
    for seed in 1...Self.seeds {
      let report = scenario.simulation.report(seed: seed)
      let kinds = kinds(report)
      #expect(kinds.isSubset(of: [kind]), "seed \(seed): \(report.services.map(\.message))")
      if kinds.isEmpty { missed += 1 }
    }
    #expect(missed * 20 <= Int(Self.seeds), "missed \(missed) of \(Self.seeds)")
  }

  @Test("Of services without a flaw nothing is named", arguments: PropagationScenario.fine)
  func fine(scenario: PropagationScenario) {
    for seed in 1...Self.seeds {
      let report = scenario.simulation.report(seed: seed)
      #expect(kinds(report).isEmpty, "seed \(seed): \(report.services.map(\.message))")
      #expect(report.problems.isEmpty)
    }
  }

  @Test("Each kind has a scenario, and a row in the table of kinds")
  func all() throws {
    #expect(Set(PropagationScenario.kinds.map(\.kind)) == Set(PropagationKind.allCases))
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let document = try String(contentsOf: root.appending(path: "docs/propagation.md"), encoding: .utf8)
    let rows = document.matches(of: /\n\| `([a-z0-9-]+)` \| [^|]+ \| [^|]+ \|/).map { String($0.1) }
    #expect(Set(rows) == Set(PropagationKind.allCases.map(\.rawValue)))
  }

  /// A service with 150 requests in flight at any time, of which times tell nothing.
  private func busy(_ change: (inout PropagationSimulation) -> Void) -> PropagationSimulation {
    var simulation = PropagationSimulation()
    simulation.arrival = .open(perSecond: 400)
    simulation.length = 300...450
    simulation.requests = 1_600
    simulation.calls = [("payments", 0)]
    change(&simulation)
    return simulation
  }

  @Test("A service that broke all of its last 400 calls after a deploy is named, whatever it did in the hour before")
  func deploy() throws {
    let simulation = busy {
      $0.flaw = .headersNotCopied
      $0.flawFrom = 3_000
    }
    let report = simulation.report(seed: 11)
    let service = try #require(report.blamed.first)
    #expect(service.verdict == .breaks)
    #expect(service.continued > 2 * service.started)
    let finding = try #require(service.findings.first)
    #expect(finding.kind == .headersNotCopied)
    // The requests in flight at that time had begun before.
    let since = try #require(finding.since) / 1_000 - PropagationSimulation.begin
    #expect((3_000...3_050).contains(since))
    #expect(finding.nodes.isEmpty, "There is only one proxy.")
    let broken = try #require(report.breaks["orders"])
    #expect(broken.kind == .headersNotCopied)
    #expect(broken.since == finding.since)
    #expect(broken.trace == service.examples.max { $0.example.time < $1.example.time }?.example.trace)
    // The same without the deploy: always so many in flight, nobody is blamed.
    #expect(busy { $0.background = [.random(perSecond: 400, callee: "registry")] }.report(seed: 11).blamed.isEmpty)
  }

  @Test("Of two versions at the same time the one that breaks traces is named by its tag")
  func versions() throws {
    let simulation = busy {
      $0.instances = 4
      $0.flaw = .headersNotCopied
      $0.flawInstances = [1, 3]
    }
    let service = try #require(simulation.report(seed: 12).blamed.first)
    #expect(service.verdict == .partly)
    let finding = try #require(service.findings.first)
    #expect(finding.nodes == ["default.orders-1", "default.orders-3"])
    #expect(finding.otherNodes == ["default.orders-0", "default.orders-2"])
    func tags(_ versions: [String]) -> [String: [String: String]] {
      Dictionary(
        uniqueKeysWithValues: versions.enumerated().map { number, version in
          ("default.orders-\(number)", ["kuma.io/service": "orders", "kuma.io/zone": "z\(number)", "version": version])
        })
    }
    let tag = try #require(finding.separatingTag(tags(["v1", "v2", "v1", "v2"])))
    #expect([tag.key, tag.value] == ["version", "v2"])
    #expect(finding.separatingTag(tags(["v1", "v2", "v2", "v2"])) == nil)
    #expect(finding.separatingTag([:]) == nil)
  }

  @Test("Examined kinds say in which instance and since when")
  func examinedInstance() throws {
    var simulation = PropagationSimulation()
    simulation.requests = 500
    simulation.calls = [("payments", 0)]
    simulation.calleesReport = true
    simulation.flaw = .spanIDReplaced
    simulation.flawFrom = 8_000
    let report = simulation.report(seed: 13)
    let finding = try #require(report.blamed.first?.findings.first)
    #expect(report.blamed.map(\.verdict) == [.breaks])
    let since = try #require(finding.since) / 1_000 - PropagationSimulation.begin
    // The start of the last call that was fine, of a request that began before.
    #expect((7_000...8_010).contains(since))
    simulation.instances = 2
    simulation.flawFrom = 0
    simulation.flawInstances = [1]
    let divided = try #require(simulation.report(seed: 13).blamed.first)
    #expect(divided.verdict == .partly)
    #expect(divided.findings.map(\.nodes) == [["default.orders-1"]])
    #expect(divided.findings.map(\.otherNodes) == [["default.orders-0"]])
    #expect(divided.findings.allSatisfy { !$0.traces.isEmpty })
  }

  @Test("A silent proxy is the callee's problem, and its verdict; so is not that of a service without one")
  func silent() throws {
    var simulation = PropagationSimulation()
    simulation.requests = 500
    simulation.calls = [("payments", 0)]
    simulation.calleesReport = true
    simulation.calleesSilentFrom = 10_000
    let report = simulation.report(seed: 14)
    #expect(report.blamed.isEmpty)
    let problem = try #require(report.problems.first)
    #expect([problem.name, problem.verdict.rawValue] == ["payments", "silent"])
    #expect(problem.message.contains("report nothing any more"))
    let since = try #require(problem.findings.first?.since) / 1_000 - PropagationSimulation.begin
    #expect((9_000...10_000).contains(since))
    simulation.calleesSilentFrom = 0
    #expect(simulation.report(seed: 14).problems.isEmpty, "A service that has never reported may have no proxy.")
  }

  @Test("The sampling digit of a request id may change; the id is the same")
  func requestIDs() {
    let id = "b14c9aad-be86-907f-b956-ccf4840486f0"
    #expect(RequestID(id) == RequestID("b14c9aad-be86-407f-b956-ccf4840486f0"))
    #expect(RequestID(id).hash == RequestID("\(id),\(id)").hash)
    #expect(RequestID("\(id),\(id)").count == 2)
    #expect(RequestID(id).hash != RequestID("b14c9aad-be86-907f-b956-ccf4840486f1").hash)
    #expect(RequestID("order-1-and-40").hash != RequestID("order-1-and-90").hash)
    #expect(RequestID("").hash == 0)
    #expect(RequestID(",,,").hash == 0)
  }

  @Test("What is kept of traces is bounded, whatever comes")
  func bounds() {
    var analyzer = PropagationAnalyzer()
    // Spans of one trace that never ends, and of as many traces as there are spans.
    for first in stride(from: 0, to: 60_000, by: 1_000) {
      let spans = (first..<first + 1_000).map { index in
        span(
          trace: index.isMultiple(of: 2) ? 8 : UInt64(index), UInt64(index + 1), parent: 1, .client, service: "orders",
          at: 0, for: 60_000_000, tags: [.init("node_id", "n"), .init("upstream_cluster", "c\(index % 40)")])
      }
      analyzer.add(spans, now: SampleSpans.now)
      #expect(analyzer.examination.spans.count <= 16_384)
    }
    _ = analyzer.report(from: 0, to: .max, now: .max)
    #expect(analyzer.instances.allSatisfy { $0.tallies.count <= 16 })
  }
}
