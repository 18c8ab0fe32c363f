import Foundation
import MeshClient
import PostgresTestSupport
import ProxySimulation

/// Two control planes over one PostgreSQL that waits for the disk: what is written at one, and answered by proxies of the
/// other.
enum SharedFleetBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let server = try await PostgresServer.start(isDurable: true, folder: "/var/tmp")
    var controlPlanes: [ControlPlane] = []
    do {
      let settings = [
        "KUMA_STORE_TYPE": "postgres", "KUMA_STORE_POSTGRES_HOST": "127.0.0.1",
        "KUMA_STORE_POSTGRES_PORT": "\(server.port)", "KUMA_STORE_POSTGRES_USER": PostgresServer.user,
        "KUMA_STORE_POSTGRES_PASSWORD": PostgresServer.password,
        "KUMA_STORE_POSTGRES_DB_NAME": try await server.makeDatabase(),
      ]
      for _ in 0..<2 { controlPlanes.append(try ControlPlane(context, settings: settings)) }
      for controlPlane in controlPlanes { try await controlPlane.start() }
      let seconds = try await latencies(context, from: controlPlanes[0], to: controlPlanes[1])
      for controlPlane in controlPlanes { await controlPlane.stop() }
      await server.remove()
      return rows(seconds)
    } catch {
      for controlPlane in controlPlanes { await controlPlane.stop() }
      await server.remove()
      throw error
    }
  }

  /// Seconds from the call of a write at one to the answers of the proxies of the other: of half of them, and of all.
  private static func latencies(
    _ context: BenchmarkContext, from first: ControlPlane, to second: ControlPlane
  ) async throws -> (half: [Double], all: [Double]) {
    let measurement = FleetMeasurement(FleetMesh(proxies: 100), second)
    try await measurement.create()
    _ = try await measurement.connect()
    let times = try await measurement.answerTimes(
      ofChanges: context.size(60, quick: 15), through: first.client)
    await measurement.end()
    return (times.map(\.median), times.map { $0.max() ?? 0 })
  }

  private static func rows(_ seconds: (half: [Double], all: [Double])) -> [ResultRow] {
    // What a write at a random moment waits for a reader that asks each second.
    let polled = seconds.half.indices.map { (Double($0) + 0.5) / Double(seconds.half.count) }
    func row(_ what: String, _ values: [Double]) -> ResultRow {
      ResultRow(
        "shared", "a write at A, to the answer of \(what) at B, wall", in: .seconds,
        against: "a poll each second, without the push",
        Comparison(values: values, baselines: polled))
    }
    return [row("half of 100 proxies", seconds.half), row("all of 100 proxies", seconds.all)]
  }
}
