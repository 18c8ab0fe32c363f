import Foundation
import TraceModel

/// Queries over stores of different sizes, through the collector's API, answers in JSON included.
enum QueryBenchmark {
  /// A question, how often it is asked, and how long its answer is at least.
  private struct Question {
    var name: String
    var count: Int
    var bytes: Int
    var path: (Int) -> String
  }

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var rows: [ResultRow] = []
    var smallest: [String: (spans: Int, p99: Double)] = [:]
    for spans in context.size([100_000, 1_000_000, 10_000_000], quick: [100_000, 1_000_000]) {
      let load = SpanLoad(traces: spans / SpanLoad.spansPerTrace)
      let collector = try await filled(context, [load], spans: spans)
      for question in questions(load, traces: spans / SpanLoad.spansPerTrace) {
        let times = try await ask(question, collector)
        let (p50, p99) = (times.quantile(0.5), times.quantile(0.99))
        let first = smallest[question.name] ?? (spans, p99)
        smallest[question.name] = first
        var figures = Comparison()
        figures.add(value: p99, baseline: first.p99)
        let exponent =
          spans > first.spans
          ? ", N^" + Unit.short(log(p99 / first.p99) / log(Double(spans) / Double(first.spans))) : ""
        let size = spans >= 1_000_000 ? "\(spans / 1_000_000)M" : "\(spans / 1000)k"
        rows.append(
          ResultRow(
            "query", "\(size) spans: \(question.name), p99 (p50 \(Unit.seconds.text(p50))\(exponent))", in: .seconds,
            against: "the same among \(first.spans / 1000)k spans", figures))
      }
      _ = try collector.close()
      try? FileManager.default.removeItem(atPath: collector.path)
    }
    return rows + [try await duplicates(context)]
  }

  /// A collector that holds some loads, one after the other.
  private static func filled(
    _ context: BenchmarkContext, _ loads: [SpanLoad], spans: Int
  ) async throws -> CollectorUnderLoad {
    let collector = try CollectorUnderLoad(context)
    let requests = spans / 1000
    for load in loads {
      for first in stride(from: 0, to: requests, by: 50) {
        try await collector.post(load.bodies(first..<min(first + 50, requests), spans: 1000), concurrently: 8)
      }
    }
    let (count, sent) = (collector.spanCount, spans * loads.count)
    try BenchmarkFailure.unless(count == sent, "\(sent) spans should be stored, but \(count) are")
    // Compaction has finished by now; another benchmark measures a flood.
    try await ServerProcess(id: getpid()).isQuiet()
    return collector
  }

  /// Every span sent twice, the second time with later times, against once: each trace is in two places then.
  private static func duplicates(_ context: BenchmarkContext) async throws -> ResultRow {
    let spans = 200_000
    let load = SpanLoad(traces: spans / SpanLoad.spansPerTrace)
    var times: [[Double]] = []
    for loads in [[load], [load, load.later(by: 7_200_000)]] {
      let collector = try await filled(context, loads, spans: spans)
      let question = Question(name: "20 traces of a service", count: 400, bytes: 40_000) { number in
        "/api/v2/traces?serviceName=service-\(number % 20)&endTs=\(load.end + 7_200_000)&lookback=14400000&limit=20"
      }
      times.append(try await ask(question, collector))
      _ = try collector.close()
      try? FileManager.default.removeItem(atPath: collector.path)
    }
    var figures = Comparison()
    figures.add(value: times[1].quantile(0.99), baseline: times[0].quantile(0.99))
    return ResultRow(
      "query", "200k spans sent twice: 20 traces of a service, p99 (p50 \(Unit.seconds.text(times[1].quantile(0.5))))",
      in: .seconds, against: "sent once", figures)
  }

  private static func questions(_ load: SpanLoad, traces: Int) -> [Question] {
    let end = load.end
    let time = "endTs=\(end)&lookback=7200000&limit=20"
    func search(_ number: Int, _ rest: String) -> String {
      "/api/v2/traces?serviceName=service-\(number % 20)\(rest)&\(time)"
    }
    return [
      Question(name: "one trace by id", count: 400, bytes: 2000) { number in
        "/api/v2/trace/\(String(SpanLoad.id(ofTrace: number * 104_729 % traces), radix: 16))"
      },
      Question(name: "20 traces of a service", count: 400, bytes: 40_000) { search($0, "") },
      Question(name: "20 of an operation", count: 400, bytes: 40_000) {
        search($0, "&spanName=service-\($0 % 20).example.com")
      },
      Question(name: "20 with a tag that 1 % have", count: 400, bytes: 40_000) {
        search($0, "&annotationQuery=\(SpanLoad.rareTag)")
      },
      Question(name: "a tag that none has", count: 400, bytes: 2) { search($0, "&annotationQuery=customer=none\($0)") },
      Question(name: "20 longer than most", count: 400, bytes: 40_000) { search($0, "&minDuration=4900") },
      Question(name: "20 of a length", count: 400, bytes: 40_000) { search($0, "&minDuration=4500&maxDuration=4520") },
      Question(name: "errors, none there", count: 400, bytes: 2) { search($0, "&errorsOnly=true") },
      Question(name: "20 of a minute in the past", count: 400, bytes: 40_000) { number in
        "/api/v2/traces?serviceName=service-\(number % 20)&endTs=\(load.start + 300_000 + Int64(number % 100) * 10_000)"
          + "&lookback=60000&limit=20"
      },
      Question(name: "graph of an hour", count: 20, bytes: 1000) { _ in "/api/graph?endTs=\(end)&lookback=7200000" },
    ]
  }

  /// The seconds that each answer to a question takes.
  private static func ask(_ question: Question, _ collector: CollectorUnderLoad) async throws -> [Double] {
    var times: [Double] = []
    for number in -2..<question.count {
      let path = question.path(abs(number))
      var length = 0
      let cost = try await Cost.of { length = try await collector.get(path).count }
      try BenchmarkFailure.unless(length >= question.bytes, "the answer to \(path) is not what was stored")
      // The first ones are not measured.
      if number >= 0 { times.append(cost.wall) }
    }
    return times
  }
}
