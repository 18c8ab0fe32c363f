import Foundation
import MeshModel
import ProxySimulation
import Synchronization

/// Changes of a mesh while spans flood into the embedded collector, which must not hold up the configuration of proxies:
/// a control plane in a process of its own, with simulated proxies over TLS.
enum FloodBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    try await ControlPlane.run(context) { try await measure(context, $0) }
  }

  private static func measure(_ context: BenchmarkContext, _ controlPlane: ControlPlane) async throws -> [ResultRow] {
    let measurement = FleetMeasurement(FleetMesh(proxies: 50), controlPlane)
    try await measurement.create()
    _ = try await measurement.connect()
    let flood = Flood(port: controlPlane.collectorPort)
    let changes = context.size(200, quick: 50)

    /// The time below which 99 of 100 changes are answered by all proxies.
    func latency() async throws -> Double {
      try await measurement.answerTimes(ofChanges: changes).map { $0.max() ?? 0 }.quantile(0.99)
    }
    var spans: [Double] = []
    let latencies = try await Comparison(rounds: context.size(9, quick: 3)) {
      let (latency, rate) = try await flood.during { try await latency() }
      spans.append(rate)
      return latency
    } baseline: {
      try await latency()
    }
    await measurement.end()
    return [
      ResultRow(
        "flood", "Mesh changes, to the answer of all of 50 proxies, p99 in a flood of spans, wall", in: .seconds,
        against: "no flood", latencies),
      ResultRow("flood", "spans stored meanwhile", in: .perSecond, against: "", Comparison(values: spans)),
    ]
  }
}

/// Eight connections that post a thousand spans at a time as fast as they are taken.
private struct Flood {
  private static let spansPerRequest = 1_000
  let port: Int
  private let bodies: [[UInt8]]

  init(port: Int) {
    self.port = port
    bodies = SpanLoad(traces: 16 * 200).bodies(0..<16, spans: Self.spansPerRequest)
  }

  /// Floods while something is done.
  ///
  /// - Returns: what was done, and the spans per second that were stored.
  func during<Value: Sendable>(_ work: () async throws -> Value) async throws -> (value: Value, rate: Double) {
    let (isOver, posted) = (Switch(), Counter())
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [port, bodies] in
        try await HTTPSender.post(bodies, port: port, connections: 8) {
          posted.add(1)
          return !isOver.isOn
        }
      }
      defer { isOver.turnOn() }
      try await poll("the flood to begin") { posted.value > 0 }
      let (clock, before) = (ContinuousClock(), posted.value)
      let start = clock.now
      let value = try await work()
      let rate = Double((posted.value - before) * Self.spansPerRequest) / ((clock.now - start) / .seconds(1))
      isOver.turnOn()
      try await group.waitForAll()
      return (value, rate)
    }
  }
}

private final class Switch: Sendable {
  private let state = Atomic(false)
  var isOn: Bool { state.load(ordering: .relaxed) }
  func turnOn() { state.store(true, ordering: .relaxed) }
}

private final class Counter: Sendable {
  private let count = Atomic(0)
  var value: Int { count.load(ordering: .relaxed) }
  func add(_ amount: Int) { count.add(amount, ordering: .relaxed) }
}
