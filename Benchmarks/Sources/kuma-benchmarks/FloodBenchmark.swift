import MeshModel
import Synchronization
import TraceCollector

/// Changes of a mesh while spans flood in: the collector of the same process must not hold up the configuration of proxies.
enum FloodBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let mesh = SampleMesh(proxies: 50, services: 10)
    let path = try await ConfigurationPath(mesh, encoding: .shared)
    let flood = try Flood(context)
    let pushes = context.size(200, quick: 50)
    let rounds = context.size(5, quick: 3)

    var step = 0
    /// The time below which 99 of 100 changes reach all proxies.
    func latency() async throws -> Double {
      var latencies: [Double] = []
      for _ in 0..<pushes {
        step += 1
        let resource = SampleMesh.mesh(path: "/api/v2/spans/\(step)")
        latencies.append(
          try await Cost.of {
            let pushed = try await path.write(resource)
            try BenchmarkFailure.unless(pushed == mesh.proxies, "\(pushed) proxies were pushed to")
          }.wall)
        // Changes come one by one; whatever waits for a thread gets its turn.
        await Task.yield()
      }
      return latencies.quantile(0.99)
    }

    let own = try await Comparison(rounds: rounds) {
      let threads = CollectorThreads()
      return try await flood.during(threads) { try await latency() }
    } baseline: {
      try await latency()
    }
    let shared = try await Comparison(rounds: rounds) {
      try await flood.during(nil) { try await latency() }
    } baseline: {
      try await latency()
    }
    return [
      ResultRow(
        "flood", "Mesh changes, 50 proxies, p99 in a flood of spans, wall", in: .seconds,
        against: "no flood", own),
      ResultRow(
        "flood", "the same, spans parsed on the threads of all", in: .seconds, against: "no flood", shared),
    ]
  }
}

/// Eight senders that post a thousand spans at a time as fast as they are taken.
private final class Flood: Sendable {
  private let collector: CollectorUnderLoad
  private let bodies: [[UInt8]]

  init(_ context: BenchmarkContext) throws {
    collector = try CollectorUnderLoad(context)
    bodies = SpanLoad(traces: 16 * 200).bodies(0..<16, spans: 1000)
  }

  /// Floods while something is done.
  ///
  /// - Parameter threads: where spans are parsed; nil for the threads that all tasks share.
  func during(_ threads: CollectorThreads?, _ work: () async throws -> Double) async throws -> Double {
    let isOver = Switch()
    let before = collector.spanCount
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [collector, bodies] in
        try await withTaskExecutorPreference(threads) {
          while !isOver.isOn { try await collector.post(bodies, concurrently: 8) }
        }
      }
      defer { isOver.turnOn() }
      // The flood has begun when the first spans are on the disk.
      while collector.spanCount == before { try await Task.sleep(for: .milliseconds(1)) }
      let result = try await work()
      isOver.turnOn()
      try await group.waitForAll()
      return result
    }
  }
}

private final class Switch: Sendable {
  private let state = Atomic(false)
  var isOn: Bool { state.load(ordering: .relaxed) }
  func turnOn() { state.store(true, ordering: .relaxed) }
}
