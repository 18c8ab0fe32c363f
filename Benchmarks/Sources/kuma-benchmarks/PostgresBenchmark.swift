import Foundation
import MeshModel
import MeshStore
import MeshStorePostgres
import PostgresTestSupport
import Synchronization

/// The store in PostgreSQL: how soon one control plane knows what another wrote, and durable writes.
enum PostgresBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let server = try await PostgresServer.start(isDurable: true, folder: "/var/tmp")
    do {
      let rows = try await measure(context, server)
      await server.remove()
      return rows
    } catch {
      await server.remove()
      throw error
    }
  }

  private static func measure(_ context: BenchmarkContext, _ server: PostgresServer) async throws -> [ResultRow] {
    let database = try await server.makeDatabase()
    let configuration = PostgresConfiguration(
      host: "127.0.0.1", port: server.port, user: PostgresServer.user, password: PostgresServer.password,
      database: database)
    let first = try await PostgresStore.open(configuration, instance: "first")
    let second = try await PostgresStore.open(configuration, instance: "second")
    let mesh = SampleMesh(proxies: 640, services: 20)
    try await first.put(SampleMesh.mesh(path: "/api/v2/spans"))
    let latencies = try await latencies(from: first, to: second, mesh.dataplanes, context)
    let polled = polling(latencies.count)

    let writes = try await writes(context, server, database, first, mesh.dataplanes)
    let stored = second.list(.dataplane, mesh: "default").count
    try BenchmarkFailure.unless(
      stored == mesh.dataplanes.count, "\(mesh.dataplanes.count) proxies should be known, but \(stored) are")
    await first.close()
    await second.close()
    func row(_ name: String, _ quantile: Double) -> ResultRow {
      var comparison = Comparison()
      comparison.add(value: latencies.quantile(quantile), baseline: polled.quantile(quantile))
      return ResultRow(
        "postgres", "a write here is known there, \(name), wall", in: .seconds, against: "a poll each second",
        comparison)
    }
    return [row("median", 0.5), row("99th percentile", 0.99)] + writes
  }

  /// Seconds from the call of a write to its element in the other store's change stream.
  private static func latencies(
    from first: PostgresStore, to second: PostgresStore, _ dataplanes: [Resource], _ context: BenchmarkContext
  ) async throws -> [Double] {
    let clock = ContinuousClock()
    var changes = second.changes().makeAsyncIterator()
    _ = await changes.next()
    var seconds: [Double] = []
    for dataplane in dataplanes.prefix(context.size(640, quick: 200)) {
      let start = clock.now
      let writing = Task { try await first.put(dataplane).stored }
      var isKnown = false
      while !isKnown, let element = await changes.next() {
        isKnown = element.written.contains { $0.key == dataplane.key }
      }
      seconds.append((clock.now - start) / .seconds(1))
      _ = try await writing.value
    }
    return seconds
  }

  /// What writes at random moments would wait for a reader that asks once a second and is answered at once.
  private static func polling(_ count: Int) -> [Double] { (0..<count).map { (Double($0) + 0.5) / Double(count) } }

  private static func writes(
    _ context: BenchmarkContext, _ server: PostgresServer, _ database: String, _ store: PostgresStore,
    _ dataplanes: [Resource]
  ) async throws -> [ResultRow] {
    try await server.query("CREATE TABLE plain (id bigserial PRIMARY KEY, spec text)", database: database)
    let rounds = context.size(7, quick: 3)
    let writers = 64
    let many = try await Comparison(rounds: rounds) {
      let cost = try await Cost.of {
        try await withThrowingTaskGroup { group in
          for writer in 0..<writers {
            group.addTask {
              for number in stride(from: writer, to: dataplanes.count, by: writers) {
                try await store.put(dataplanes[number])
              }
            }
          }
          try await group.waitForAll()
        }
      }
      return Double(dataplanes.count) / cost.wall
    } baseline: {
      try await server.insertsPerSecond(
        into: "plain", text: dataplanes[0].spec.document.json(), clients: writers, perClient: 10, database: database)
    }
    let alone = context.size(64, quick: 32)
    let one = try await Comparison(rounds: rounds) {
      let cost = try await Cost.of {
        for dataplane in dataplanes.prefix(alone) { try await store.put(dataplane) }
      }
      return Double(alone) / cost.wall
    } baseline: {
      try await server.insertsPerSecond(
        into: "plain", text: dataplanes[0].spec.document.json(), clients: 1, perClient: alone, database: database)
    }
    return [
      ResultRow(
        "postgres", "PostgresStore, 1 writer, puts", in: .perSecond, against: "pgbench, plain INSERT, 1 client", one,
        better: .more),
      ResultRow(
        "postgres", "PostgresStore, \(writers) writers, puts", in: .perSecond,
        against: "pgbench, plain INSERT, \(writers) clients", many, better: .more),
    ]
  }
}
