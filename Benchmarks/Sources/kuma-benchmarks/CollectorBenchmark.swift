import Foundation
import TraceModel

/// Spans in: each request is answered when its spans are on the disk.
enum CollectorBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var rows: [ResultRow] = []
    for (spans, senders, requests, quick) in [(5, 64, 12_800, 5_120), (100, 16, 640, 256), (1000, 8, 96, 32)] {
      rows += try await intake(
        context, spans: spans, senders: senders, requests: context.size(requests, quick: quick),
        rounds: context.size(5, quick: 3))
    }
    rows.append(
      try await requestMetrics(context, requests: context.size(640, quick: 256), rounds: context.size(9, quick: 5)))
    return rows
  }

  /// What it costs to count requests: the same spans at a collector that counts them and at one that does not.
  private static func requestMetrics(
    _ context: BenchmarkContext, requests: Int, rounds: Int
  ) async throws -> ResultRow {
    let spans = 100
    let counting = try CollectorUnderLoad(context)
    let plain = try CollectorUnderLoad(context, hasRequestMetrics: false)
    let load = SpanLoad(traces: requests * (rounds + 1) * spans / SpanLoad.spansPerTrace)
    var batches = (counting: 0, plain: 0)
    func cost(_ collector: CollectorUnderLoad, _ batch: inout Int) async throws -> Double {
      let bodies = load.bodies(batch * requests..<(batch + 1) * requests, spans: spans)
      batch += 1
      return try await Cost.of { try await collector.post(bodies, concurrently: 16) }.cpu / Double(requests * spans)
    }
    let costs = try await Comparison(rounds: rounds) {
      try await cost(counting, &batches.counting)
    } baseline: {
      try await cost(plain, &batches.plain)
    }
    let page = String(decoding: try await counting.get("/prometheus/requests"), as: UTF8.self)
    try BenchmarkFailure.unless(
      page.contains("kuma_trace_request_duration_seconds_count{"), "the collector has counted no request")
    _ = try (counting.close(), plain.close())
    return ResultRow(
      "collector", "\(spans) spans per POST, metrics of requests, CPU per span", in: .seconds,
      against: "the same without these metrics", costs)
  }

  private static func intake(
    _ context: BenchmarkContext, spans: Int, senders: Int, requests: Int, rounds: Int
  ) async throws -> [ResultRow] {
    let collector = try CollectorUnderLoad(context)
    let load = SpanLoad(traces: requests * (rounds + 1) * spans / SpanLoad.spansPerTrace)
    var batch = 0
    var jsonBytes = 0
    var bodies: [[UInt8]] = []
    var parsing = Comparison()
    var answers: [Double] = []
    let rate = try await Comparison(rounds: rounds) {
      bodies = load.bodies(batch * requests..<(batch + 1) * requests, spans: spans)
      batch += 1
      jsonBytes += bodies.reduce(0) { $0 + $1.count }
      var times: [Double] = []
      let cost = try await Cost.of { times = try await collector.post(bodies, concurrently: senders) }
      let plain = try await Cost.of {
        for body in bodies {
          let parsed = try JSONSerialization.jsonObject(with: Data(body)) as? [Any]
          try BenchmarkFailure.unless(parsed?.count == spans, "JSONSerialization found other spans")
        }
      }
      // The first batch is the unmeasured turn.
      if batch > 1 {
        parsing.add(value: cost.cpu / Double(requests * spans), baseline: plain.cpu / Double(requests * spans))
        answers += times
      }
      return Double(requests * spans) / cost.wall
    } baseline: {
      let rows = try SpanRows(load, traces: 0..<(requests * spans / SpanLoad.spansPerTrace), context)
      return Double(requests * spans) / (try rows.insert().wall)
    }

    let count = collector.spanCount
    try BenchmarkFailure.unless(
      count == batch * requests * spans, "\(batch * requests * spans) spans should be stored, but \(count) are")
    var size = Comparison()
    size.add(value: Double(try collector.close()) / Double(count), baseline: Double(jsonBytes) / Double(count))
    var waiting = Comparison()
    waiting.add(value: answers.quantile(0.99), baseline: answers.quantile(0.5))
    let shape = "\(spans) spans per POST, \(senders) at a time"
    return [
      ResultRow(
        "collector", "\(shape), spans", in: .perSecond, against: "sqlite3: the same spans as rows, .import", rate,
        better: .more),
      ResultRow(
        "collector", "\(shape), CPU per span", in: .seconds, against: "JSONSerialization reading the same, no more",
        parsing),
      ResultRow(
        "collector", "\(shape), answer, p99", in: .seconds, against: "the answer that half of them do not exceed",
        waiting),
      ResultRow("collector", "\(shape), bytes per span on disk", in: .bytes, against: "the JSON as it came", size),
    ]
  }
}

/// Spans as rows for SQLite's own command line.
private struct SpanRows {
  private let database: String
  private let file: String

  init(_ load: SpanLoad, traces: Range<Int>, _ context: BenchmarkContext) throws {
    database = context.newPath("rows.db")
    file = context.newPath("rows.csv")
    var text = ""
    for trace in traces {
      for span in 0..<SpanLoad.spansPerTrace {
        let json = load.json(trace: trace, span: span).replacing("\"", with: "\"\"")
        let id = SpanLoad.id(ofTrace: trace)
        text += "\(Int64(bitPattern: id)),\(Int64(bitPattern: id &+ UInt64(span))),\"\(json)\"\n"
      }
    }
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
  }

  /// Puts them into a new table, in one transaction that is on the disk at the end.
  func insert() throws -> Cost {
    try ChildCommand(
      "/usr/bin/sqlite3",
      [
        database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
        "CREATE TABLE span (trace INTEGER NOT NULL, id INTEGER NOT NULL, json TEXT NOT NULL)",
        ".import --csv \(file) span",
      ]
    ).run()
  }
}
