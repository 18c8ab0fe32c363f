import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshPolicy
import OrderedCollections
import TestSupport
import Testing

@Suite("Plan for the Dataplanes of pods: simulations")
struct PodPlanSimulationTests {
  @Test(
    "Whatever happens in whatever order, the Dataplanes are in the end those of a conversion from scratch",
    arguments: 0..<8)
  func converges(_ group: UInt64) {
    var writes = 0
    for seed in (4 * group)..<(4 * group + 4) {
      var simulation = PodSimulation(seed: seed)
      if seed % 4 > 0 { simulation.begin() }
      for _ in 0..<500 { simulation.step() }
      writes += simulation.cluster.given.compactMap(\.write).count
      simulation.calm()
      simulation.check()
    }
    #expect(writes > 10, "little has happened")
  }

  @Test("Where the cluster tells at once what was written, nothing is written twice", arguments: 40..<60)
  func writesOnlyWhatDiffers(_ seed: UInt64) {
    var simulation = PodSimulation(seed: seed)
    simulation.isPrompt = true
    simulation.begin()
    for _ in 0..<400 { simulation.step() }
    simulation.calm()
    simulation.check()
    #expect(simulation.cluster.needlessWrites == 0)
  }

  @Test("Objects of any form are taken without harm", arguments: 0..<20)
  func garbage(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var cluster = PlannedCluster.ready()
    let services = [ServiceShape(), .with { $0.name = "each" }]
    for _ in 0..<200 {
      let kind = PodPlan.Kind.allCases.randomElement(using: &generator) ?? .pod
      let model: DocumentValue =
        kind == .service
        ? .object(services[Int.random(in: 0..<2, using: &generator)].object.document)
        : .object(PodShape().object.document)
      guard case .object(let document) = Self.damaged(model, &generator, depth: 0) else { continue }
      let object = KubernetesObject(document)
      for form in [object, PodPlan.prune(kind, object)] {
        cluster.tell(Bool.random(using: &generator) ? .changed(kind, [form]) : .deleted(kind, [form]))
      }
      while let work = cluster.next() { cluster.tell(.done(work)) }
    }
  }

  /// A value of which some parts have another form.
  private static func damaged(
    _ value: DocumentValue, _ generator: inout SeededGenerator, depth: Int
  ) -> DocumentValue {
    if depth > 0, Int.random(in: 0..<12, using: &generator) == 0 {
      let other: [DocumentValue] = [
        .null, 5, -1, .number(1e300), "", "x", [], [:], [["name": 5]], true, .string("\u{202e}\n"), .integer(.max),
      ]
      return other.randomElement(using: &generator) ?? .null
    }
    switch value {
    case .object(let object):
      var result: DocumentValue.Object = [:]
      for (key, value) in object where Int.random(in: 0..<20, using: &generator) > 0 {
        result[key] = damaged(value, &generator, depth: depth + 1)
      }
      return .object(result)
    case .array(let items): return .array(items.map { damaged($0, &generator, depth: depth + 1) })
    default: return value
    }
  }
}
