import Foundation
import GRDB
import TraceCollector

/// Queries over a large store, through the collector's API, answers in JSON included.
enum QueryBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let collector = try CollectorUnderLoad(context)
    let requests = context.size(1000, quick: 100)
    let load = SpanLoad(traces: requests * 1000 / SpanLoad.spansPerTrace)
    try await fill(collector, load, requests)
    let spans = collector.spanCount
    let traces = spans / SpanLoad.spansPerTrace
    let database = try DatabaseQueue(path: collector.path, configuration: readOnly)
    let rounds = context.size(5, quick: 3)

    /// The seconds of a query for one trace that cannot use the index of traces.
    func scan(_ trace: Int) async throws -> Double {
      let id = Int64(bitPattern: SpanLoad.id(ofTrace: trace))
      return try await Cost.of {
        let found = try await database.read {
          try Row.fetchAll($0, sql: "SELECT record FROM span NOT INDEXED WHERE trace = ?", arguments: [id]).count
        }
        try BenchmarkFailure.unless(found == SpanLoad.spansPerTrace, "the scan found \(found) spans")
      }.wall
    }

    /// The seconds that a question takes, on average over many that differ.
    func ask(_ count: Int, _ question: (Int) -> String, isAnswered: ([UInt8]) -> Bool) async throws -> Double {
      try await Cost.of {
        for number in 0..<count {
          let question = question(number)
          let isAnswered = isAnswered(try await collector.get(question))
          try BenchmarkFailure.unless(isAnswered, "the answer to \(question) is not what was stored")
        }
      }.wall / Double(count)
    }

    func compare(
      _ count: Int, _ question: (Int) -> String, isAnswered: ([UInt8]) -> Bool
    ) async throws -> Comparison {
      var number = 0
      return try await Comparison(rounds: rounds) {
        try await ask(count, question, isAnswered: isAnswered)
      } baseline: {
        number += 1
        return try await scan(number * 7919 % traces)
      }
    }

    let time = "endTs=\(load.end)&lookback=7200000&limit=20"
    let byID = try await compare(200) { number in
      "/api/v2/trace/\(String(SpanLoad.id(ofTrace: number * 104_729 % traces), radix: 16))"
    } isAnswered: {
      $0.count > 2000
    }
    let byService = try await compare(20) {
      "/api/v2/traces?serviceName=service-\($0)&\(time)"
    } isAnswered: {
      $0.count > 40_000
    }
    let byTag = try await compare(5) {
      "/api/v2/traces?serviceName=service-\($0)&annotationQuery=\(SpanLoad.rareTag)&\(time)"
    } isAnswered: {
      $0.count > 40_000
    }
    try database.close()
    _ = try collector.close()

    let size = spans >= 1_000_000 ? "\(spans / 1_000_000)M" : "\(spans / 1000)k"
    let against = "a scan of the same table for one trace"
    return [
      ResultRow("query", "\(size) spans: one trace by id, wall", in: .seconds, against: against, byID),
      ResultRow("query", "\(size) spans: 20 traces of a service, wall", in: .seconds, against: against, byService),
      ResultRow(
        "query", "\(size) spans: 20 traces with a tag that 1 % have, wall", in: .seconds, against: against, byTag),
    ]
  }

  private static var readOnly: Configuration {
    var configuration = Configuration()
    configuration.readonly = true
    return configuration
  }

  /// Stores traces, as many as can be stored within a minute.
  private static func fill(_ collector: CollectorUnderLoad, _ load: SpanLoad, _ requests: Int) async throws {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(60))
    for first in stride(from: 0, to: requests, by: 50) where clock.now < end {
      try await collector.post(load.bodies(first..<min(first + 50, requests), spans: 1000), concurrently: 8)
    }
  }
}
