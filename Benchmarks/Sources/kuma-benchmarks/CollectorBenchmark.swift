import Foundation
import TraceCollector

/// Spans in: each request is answered when its spans are on the disk.
enum CollectorBenchmark {
  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let small = try await intake(
      context, spans: 5, senders: 64, requests: context.size(3200, quick: 1280), rounds: context.size(5, quick: 3))
    let large = try await intake(
      context, spans: 1000, senders: 8, requests: context.size(64, quick: 24), rounds: context.size(5, quick: 3))
    return small + large
  }

  private static func intake(
    _ context: BenchmarkContext, spans: Int, senders: Int, requests: Int, rounds: Int
  ) async throws -> [ResultRow] {
    let collector = try CollectorUnderLoad(context)
    let file = try DurableFile(path: context.newPath("plain"))
    let load = SpanLoad(traces: requests * (rounds + 1) * spans / SpanLoad.spansPerTrace)
    var batch = 0
    var jsonBytes = 0
    // Few enough for a slow disk, which the baseline waits for each time.
    let plainRequests = min(requests, 64)
    var bodies = load.bodies(0..<plainRequests, spans: spans)
    var parsing = Comparison()
    let rate = try await Comparison(rounds: rounds) {
      bodies = load.bodies(batch * requests..<(batch + 1) * requests, spans: spans)
      batch += 1
      jsonBytes += bodies.reduce(0) { $0 + $1.count }
      let cost = try await Cost.of { try await collector.post(bodies, concurrently: senders) }
      let plain = try await Cost.of {
        for body in bodies {
          let parsed = try JSONSerialization.jsonObject(with: Data(body)) as? [Any]
          try BenchmarkFailure.unless(parsed?.count == spans, "JSONSerialization found other spans")
        }
      }
      // The first batch is the unmeasured turn.
      if batch > 1 {
        parsing.add(value: cost.cpu / Double(requests * spans), baseline: plain.cpu / Double(requests * spans))
      }
      return Double(requests * spans) / cost.wall
    } baseline: {
      let cost = try await Cost.of { for body in bodies.prefix(plainRequests) { try file.append(body) } }
      return Double(plainRequests * spans) / cost.wall
    }

    let count = collector.spanCount
    try BenchmarkFailure.unless(
      count == batch * requests * spans, "\(batch * requests * spans) spans should be stored, but \(count) are")
    var size = Comparison()
    size.add(value: Double(try collector.close()) / Double(count), baseline: Double(jsonBytes) / Double(count))
    let shape = "\(spans) spans per POST, \(senders) at a time"
    return [
      ResultRow(
        "collector", "\(shape), spans", in: .perSecond, against: "append and fdatasync per request", rate, better: .more
      ),
      ResultRow(
        "collector", "\(shape), CPU per span", in: .seconds, against: "JSONSerialization reading the same, no more",
        parsing),
      ResultRow("collector", "\(shape), bytes per span on disk", in: .bytes, against: "the JSON as it came", size),
    ]
  }
}
