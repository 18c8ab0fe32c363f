import MeshModel
import MeshStore
import MeshStoreSQL

/// Durable writes of resources: one writer, and 64 that share transactions.
enum StoreBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let mesh = SampleMesh(proxies: 640, services: 20)
    let dataplanes = mesh.dataplanes
    let store = try SQLiteStore(path: context.newPath("store.db"))
    try await store.put(SampleMesh.mesh(path: "/api/v2/spans"))
    let file = try DurableFile(path: context.newPath("plain"))
    let records = dataplanes.map { Array($0.spec.document.json().utf8) }
    let rounds = context.size(7, quick: 3)
    let alone = context.size(64, quick: 32)

    /// Writes per second, one after the other, each on the disk before the next.
    func plain() async throws -> Double {
      Double(alone) / (try await Cost.of { for record in records.prefix(alone) { try file.append(record) } }.wall)
    }

    let one = try await Comparison(rounds: rounds) {
      let cost = try await Cost.of {
        for dataplane in dataplanes.prefix(alone) { try await store.put(dataplane) }
      }
      return Double(alone) / cost.wall
    } baseline: {
      try await plain()
    }

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
      try await plain()
    }

    let stored = try await store.list(.dataplane, mesh: "default").count
    try BenchmarkFailure.unless(
      stored == dataplanes.count, "\(dataplanes.count) proxies should be stored, but \(stored) are")
    try store.close()

    let against = "append and fdatasync of the same \(records[0].count) bytes, one at a time"
    return [
      ResultRow("store", "SQLiteStore, 1 writer, puts", in: .perSecond, against: against, one, better: .more),
      ResultRow(
        "store", "SQLiteStore, \(writers) writers, puts", in: .perSecond, against: against, many, better: .more),
    ]
  }
}
