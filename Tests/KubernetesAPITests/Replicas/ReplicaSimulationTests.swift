import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Replicas of a kind, simulated", .heavy) struct ReplicaSimulationTests {
  @Test("whatever the interleaving: nothing is lost, doubled or goes back, and own writes are read at once")
  func interleavings() {
    for seed in 0..<200 as Range<UInt64> where !isRight(run(seed, tells: false)) {
      let simulation = run(seed, tells: true)
      #expect(simulation.faults.isEmpty, "seed \(seed)\n\(simulation.story.end)")
      #expect(
        simulation.isSettled,
        "seed \(seed): \(simulation.server.objects) and \(simulation.owned)\n\(simulation.story.end)")
      return
    }
  }

  private func run(_ seed: UInt64, tells: Bool) -> ReplicaSimulation {
    var simulation = ReplicaSimulation(seed: seed, tells: tells)
    for _ in 0..<400 where simulation.faults.isEmpty { simulation.step() }
    simulation.settle()
    return simulation
  }

  private func isRight(_ simulation: ReplicaSimulation) -> Bool { simulation.faults.isEmpty && simulation.isSettled }

  @Test("a kind that changes is not listed again, however often the server ends the watch") func cheap() {
    for seed in 0..<5 as Range<UInt64> {
      var simulation = ReplicaSimulation(seed: seed, tells: true)
      simulation.hasFailures = false
      simulation.settle()
      let lists = simulation.lists
      for _ in 0..<10 {
        for _ in 0..<20 { simulation.step() }
        simulation.settle()
        simulation.endWatch()
      }
      simulation.settle()
      #expect(simulation.lists == lists, "seed \(seed): \(simulation.story.end)")
      #expect(isRight(simulation), "seed \(seed): \(simulation.faults)\n\(simulation.story.end)")
    }
  }
}
