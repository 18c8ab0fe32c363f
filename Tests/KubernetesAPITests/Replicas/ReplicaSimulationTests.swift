import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Replicas of a kind, simulated") struct ReplicaSimulationTests {
  @Test("whatever the interleaving: nothing is lost, doubled or goes back, and own writes are read at once")
  func interleavings() {
    for seed in 0..<400 as Range<UInt64> {
      var simulation = ReplicaSimulation(seed: seed)
      for _ in 0..<400 where simulation.faults.isEmpty { simulation.step() }
      simulation.settle()
      expect(simulation, seed)
      if !simulation.faults.isEmpty || !simulation.isSettled { return }
    }
  }

  @Test("a kind that changes is not listed again, however often the server ends the watch") func cheap() {
    for seed in 0..<20 as Range<UInt64> {
      var simulation = ReplicaSimulation(seed: seed)
      simulation.hasFailures = false
      simulation.settle()
      let lists = simulation.lists
      for _ in 0..<20 {
        for _ in 0..<20 { simulation.step() }
        simulation.settle()
        simulation.endWatch()
      }
      simulation.settle()
      #expect(simulation.lists == lists, "seed \(seed): \(simulation.story.suffix(60).joined(separator: "\n"))")
      expect(simulation, seed)
    }
  }

  private func expect(_ simulation: ReplicaSimulation, _ seed: UInt64) {
    let story = simulation.story.suffix(80).joined(separator: "\n")
    #expect(simulation.faults.isEmpty, "seed \(seed)\n\(story)")
    #expect(simulation.isSettled, "seed \(seed): \(simulation.server.objects) and \(simulation.owned)\n\(story)")
  }
}
