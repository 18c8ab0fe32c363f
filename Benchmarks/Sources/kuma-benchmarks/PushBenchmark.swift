import MeshModel

/// A change of a mesh's backend, from the store to the snapshots of 1000 proxies.
enum PushBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let mesh = SampleMesh(proxies: 1000, services: 20)
    let shared = try await ConfigurationPath(mesh, encoding: .shared)
    let alone = try await ConfigurationPath(mesh, encoding: .alone)
    let rounds = context.size(9, quick: 3)

    /// The processor time of one write that must reach so many proxies.
    func cost(of resource: Resource, on path: ConfigurationPath, reaching expected: Int) async throws -> Double {
      var pushed = 0
      let cost = try await Cost.of { pushed = try await path.write(resource) }
      try BenchmarkFailure.unless(pushed == expected, "\(expected) proxies should be pushed to, but \(pushed) were")
      return cost.cpu
    }

    var step = 0
    func change(_ path: ConfigurationPath) async throws -> Double {
      step += 1
      let resource = SampleMesh.mesh(path: "/api/v2/spans/\(step)")
      return try await cost(of: resource, on: path, reaching: mesh.proxies)
    }

    let push = try await Comparison(rounds: rounds) {
      try await change(shared) / Double(mesh.proxies)
    } baseline: {
      try await change(alone) / Double(mesh.proxies)
    }

    var bytes = Comparison()
    let count = shared.bytes()
    bytes.add(value: Double(count.distinct), baseline: Double(count.all))

    var encodings = Comparison()
    encodings.add(value: Double(shared.encodings()), baseline: Double(mesh.proxies / mesh.services * 3))

    let unchanged = try await Comparison(rounds: rounds) {
      let resource = SampleMesh.mesh(path: "/api/v2/spans/\(step)")
      _ = try await shared.write(resource)
      let repetitions = 100
      var total = 0.0
      for _ in 0..<repetitions { total += try await cost(of: resource, on: shared, reaching: 0) }
      return total / Double(repetitions)
    } baseline: {
      try await change(shared)
    }

    return [
      ResultRow(
        "push", "Mesh backend changes, 1000 proxies, CPU per proxy", in: .seconds,
        against: "a translator per proxy: nothing encoded once for all", push),
      ResultRow(
        "push", "encoded resources of 1000 proxies in memory", in: .bytes,
        against: "each proxy's counted by themselves", bytes),
      ResultRow(
        "push", "encodings of a service's cluster, for its callers", in: .count, against: "once for each",
        encodings),
      ResultRow(
        "push", "same Mesh written again: 0 pushes, CPU", in: .seconds,
        against: "the changed Mesh: 1000 pushes", unchanged),
    ]
  }
}
