import Foundation

/// Spans in over HTTP: the collector alone, the program as it is released, in a process of its own.
enum CollectorProcessBenchmark {
  private static let senders = 8

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var rows: [ResultRow] = []
    for (spans, requests) in [(5, context.size(50_000, quick: 10_000)), (100, context.size(10_000, quick: 1_000))] {
      rows += try await intake(context, spans: spans, requests: requests)
    }
    return rows
  }

  private static func intake(_ context: BenchmarkContext, spans: Int, requests: Int) async throws -> [ResultRow] {
    try await CollectorProcess.run(context) {
      try await measure($0.process, port: $0.port, spans: spans, requests: requests)
    }
  }

  private static func measure(
    _ process: ServerProcess, port: Int, spans: Int, requests: Int
  ) async throws -> [ResultRow] {
    let load = SpanLoad(traces: requests * spans / SpanLoad.spansPerTrace)
    let before = process.residentBytes
    let clock = ContinuousClock()
    var (spent, rates) = (Comparison(), [Double]())
    // In parts, so that bodies of millions of spans need not be in memory at a time.
    let part = max(1, 50_000 / spans)
    for first in stride(from: 0, to: requests, by: part) {
      let bodies = load.bodies(first..<min(first + part, requests), spans: spans)
      let count = Double(bodies.count * spans)
      let (start, cpu) = (clock.now, process.cpuSeconds)
      try await HTTPSender.post(bodies, port: port, connections: senders)
      rates.append(count / ((clock.now - start) / .seconds(1)))
      try await process.isQuiet()
      let value = (process.cpuSeconds - cpu) / count
      let parsing = try await Cost.of {
        for body in bodies { _ = try JSONSerialization.jsonObject(with: Data(body)) }
      }.cpu
      spent.add(value: value, baseline: parsing / count)
    }
    let count = requests * spans
    let shape = "over HTTP, \(spans) spans per POST"
    return [
      ResultRow(
        "http", "\(shape), CPU of the collector per span", in: .seconds,
        against: "JSONSerialization reading the same, no more", spent),
      ResultRow(
        "http", "\(shape), spans", in: .perSecond, against: "", Comparison(values: rates)),
      ResultRow(
        "http", "\(shape), memory after \(count) spans", in: .bytes, against: "before the first one",
        Comparison(values: [process.residentBytes], baselines: [before])),
    ]
  }
}
