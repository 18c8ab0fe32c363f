import MeshTestSupport
import ProxySimulation
import Testing

@testable import MeshXDS

@Suite("Spans while listeners and the runtime change", .heavy)
struct ReportingSimulationTests {
  static let variants: [DiscoveryVariant] = [.stateOfTheWorld, .incremental]

  @Test("whatever changes, reconnects and restarts, no span is lost", arguments: variants)
  func nothingLost(_ variant: DiscoveryVariant) {
    for seed in 0..<4 as Range<UInt64> {
      var simulation = ReportingSimulation(variant: variant, seed: seed, isOlder: seed % 4 == 0)
      for _ in 0..<150 { simulation.step() }
      simulation.settle()
      let tracers = simulation.tracers
      #expect(tracers.lost == 0, "seed \(seed)\n\(simulation.story)")
      #expect(tracers.recorded == tracers.reported + tracers.pending)
      #expect(tracers.recorded > 1_000)
      #expect(simulation.isCurrent, "seed \(seed)\n\(simulation.story)")
    }
  }

  @Test("the mode of the newest snapshot is in use in the end", arguments: variants)
  func newestMode(_ variant: DiscoveryVariant) {
    for seed in 100..<104 as Range<UInt64> {
      var simulation = ReportingSimulation(variant: variant, seed: seed)
      for _ in 0..<30 { simulation.step() }
      simulation.settle()
      #expect(simulation.mode == simulation.wantedMode, "seed \(seed)\n\(simulation.story)")
      let before = simulation.responses
      simulation.settle()
      #expect(simulation.responses == before, "seed \(seed): nothing is sent without a change")
    }
  }

  /// Nobody knows before that a part is refused, so the drain has to be as long as the timers.
  @Test("also when listeners are refused in part", arguments: variants)
  func refusals(_ variant: DiscoveryVariant) {
    for seed in 200..<204 as Range<UInt64> {
      var simulation = ReportingSimulation(variant: variant, seed: seed, drainTime: 8)
      simulation.refusals = 30
      for _ in 0..<150 { simulation.step() }
      #expect(simulation.tracers.lost == 0, "seed \(seed)\n\(simulation.story)")
    }
  }

  @Test("without any one of its rules spans are lost", arguments: ReportingSimulation.Flaw.allCases)
  func rules(_ flaw: ReportingSimulation.Flaw) {
    let losses = (0..<3 as Range<UInt64>).map { seed in
      var simulation = ReportingSimulation(variant: .stateOfTheWorld, seed: seed, flaw: flaw)
      for _ in 0..<60 { simulation.step() }
      return simulation.tracers.lost
    }
    #expect(losses.contains { $0 > 0 }, "\(losses)")
  }

  @Test("an Envoy that comes from an older control plane keeps reports of five spans")
  func olderControlPlane() {
    var simulation = ReportingSimulation(variant: .stateOfTheWorld, seed: 3, isOlder: true)
    repeat { simulation.reconfigure() } while simulation.configuration.tracer == nil
    simulation.settle()
    #expect(simulation.mode == nil)
    for _ in 0..<5 {
      simulation.reconnect(isRestart: true)
      simulation.settle()
      #expect(simulation.mode?.hasSmallBuffers == true)
      repeat { simulation.reconfigure() } while simulation.configuration.tracer == nil
      simulation.settle()
      #expect(simulation.mode?.minimumSpans == ReportingMode.smallBufferSize)
      #expect(simulation.isCurrent)
    }
    #expect(simulation.tracers.lost == 0, "\(simulation.story)")
  }
}
