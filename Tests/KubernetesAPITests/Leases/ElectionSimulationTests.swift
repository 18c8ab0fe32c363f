import Testing

@testable import KubernetesAPI

@Suite("Election of a leader, simulated") struct ElectionSimulationTests {
  @Test("there are never two leaders, and when the network works there is one", arguments: [1, 2, 5])
  func interleavings(_ count: Int) {
    for seed in 0..<60 as Range<UInt64> {
      var simulation = ElectionSimulation(seed: seed, candidates: count)
      for _ in 0..<1500 where simulation.faults.isEmpty { simulation.step() }
      simulation.heal()
      simulation.run(for: .seconds(120))
      #expect(simulation.faults.isEmpty, "seed \(seed): \(simulation.faults)\n\(story(simulation))")
      #expect(simulation.leaders.count == 1, "seed \(seed): \(simulation.leaders)\n\(story(simulation))")
      if !simulation.faults.isEmpty || simulation.leaders.count != 1 { return }
    }
  }

  @Test("a leader that nobody disturbs stays, and writes the lease for readers") func quiet() throws {
    var simulation = ElectionSimulation(seed: 1, candidates: 3)
    simulation.hasFailures = false
    simulation.run(for: .seconds(60))
    let leader = try #require(simulation.leaders.first)
    simulation.run(for: .seconds(600))
    #expect(simulation.leaders == [leader] && simulation.changesOfLeader == 1, "\(story(simulation))")
    let record = try #require(simulation.record)
    #expect(record.holder == leader && record.seconds == 15 && record.transitions == 0)
  }

  @Test("after the leader's end another one leads", arguments: [true, false]) func succession(_ isGraceful: Bool) {
    for seed in 0..<20 as Range<UInt64> {
      var simulation = ElectionSimulation(seed: seed, candidates: 2)
      simulation.hasFailures = false
      simulation.run(for: .seconds(60))
      let first = simulation.leaders
      simulation.removeLeader(gracefully: isGraceful)
      // A lease that was given back is free at once; that of a killed process only after its time.
      simulation.run(for: isGraceful ? .seconds(12) : .seconds(30))
      #expect(simulation.leaders.count == 1 && simulation.leaders != first, "seed \(seed)\n\(story(simulation))")
      #expect(simulation.record?.transitions ?? 0 >= 1)
    }
  }

  private func story(_ simulation: ElectionSimulation) -> String { simulation.story.suffix(60).joined(separator: "\n") }
}
