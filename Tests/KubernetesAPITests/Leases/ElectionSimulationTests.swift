import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Election of a leader, simulated", .heavy) struct ElectionSimulationTests {
  @Test("there are never two leaders, and when the network works there is one", arguments: [1, 2, 5])
  func interleavings(_ count: Int) {
    for seed in 0..<20 as Range<UInt64> {
      let simulation = run(seed, count, tells: false)
      guard !simulation.faults.isEmpty || simulation.leaders.count != 1 else { continue }
      let told = run(seed, count, tells: true)
      #expect(told.faults.isEmpty, "seed \(seed): \(told.faults)\n\(told.story.end)")
      #expect(told.leaders.count == 1, "seed \(seed): \(told.leaders)\n\(told.story.end)")
      return
    }
  }

  private func run(_ seed: UInt64, _ count: Int, tells: Bool) -> ElectionSimulation {
    var simulation = ElectionSimulation(seed: seed, candidates: count, tells: tells)
    for _ in 0..<1000 where simulation.faults.isEmpty { simulation.step() }
    simulation.heal()
    simulation.run(for: .seconds(120))
    return simulation
  }

  @Test("a leader that nobody disturbs stays, and writes the lease for readers") func quiet() throws {
    var simulation = ElectionSimulation(seed: 1, candidates: 3, tells: true)
    simulation.hasFailures = false
    simulation.run(for: .seconds(60))
    let leader = try #require(simulation.leaders.first)
    simulation.run(for: .seconds(600))
    #expect(simulation.leaders == [leader] && simulation.changesOfLeader == 1, "\(simulation.story.end)")
    let record = try #require(simulation.record)
    #expect(record.holder == leader && record.seconds == 15 && record.transitions == 0)
  }

  @Test("after the leader's end another one leads", arguments: [true, false]) func succession(_ isGraceful: Bool) {
    for seed in 0..<10 as Range<UInt64> {
      var simulation = ElectionSimulation(seed: seed, candidates: 2, tells: true)
      simulation.hasFailures = false
      simulation.run(for: .seconds(60))
      let first = simulation.leaders
      simulation.removeLeader(gracefully: isGraceful)
      // A lease that was given back is free at once; that of a killed process only after its time.
      simulation.run(for: isGraceful ? .seconds(12) : .seconds(30))
      #expect(simulation.leaders.count == 1 && simulation.leaders != first, "seed \(seed)\n\(simulation.story.end)")
      #expect(simulation.record?.transitions ?? 0 >= 1)
    }
  }
}
