import Foundation
import TraceModel

/// Reports of 50 spans, as Envoys send them in protobuf: the collector alone, the program as it is released, in a process of its own.
enum ReportBenchmark {
  private static let senders = 8
  /// How many spans a report has in both formats.
  private static let spansPerReport = 50

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    let recording = try RecordedReports(in: context.project.appending(path: "Benchmarks/recordings"))
    return try await CollectorProcess.run(context) { collector in
      try await measure(context, collector, recording)
    }
  }

  private static func measure(
    _ context: BenchmarkContext, _ collector: CollectorProcess, _ recording: RecordedReports
  ) async throws -> [ResultRow] {
    let (rounds, copies) = (context.size(8, quick: 4), context.size(250, quick: 50))
    let spans = copies * recording.spanCount
    let json = SpanLoad(traces: (rounds + 1) * spans / SpanLoad.spansPerTrace)
    let start = UInt64(clamping: json.start) * 1_000
    var (spent, rates) = (Comparison(), Comparison())
    var last: UInt64 = 0
    // The first round is not measured: the collector meets the texts for the first time.
    for round in 0...rounds {
      let copied = (0..<copies).map { index in
        recording.copy(round * copies + index, at: start + UInt64(round * copies + index) * 100_000)
      }
      let requests = spans / spansPerReport
      let value = try await post(copied.flatMap(\.bodies), "application/x-protobuf", collector)
      let baseline = try await post(
        json.bodies(round * requests..<(round + 1) * requests, spans: spansPerReport), "application/json", collector)
      last = copied.last?.trace ?? 0
      guard round > 0 else { continue }
      spent.add(value: value.cpu / Double(spans), baseline: baseline.cpu / Double(spans))
      rates.add(value: Double(spans) / value.wall, baseline: Double(spans) / baseline.wall)
    }
    try await check(last, hasSpans: recording.spansOfTrace, collector)
    let shape = "recorded reports of Envoys in protobuf, \(spansPerReport) spans per POST"
    let against = "JSON, \(spansPerReport) spans per POST"
    return [
      ResultRow("reports", "\(shape), CPU of the collector per span", in: .seconds, against: against, spent),
      ResultRow("reports", "\(shape), spans", in: .perSecond, against: against, rates, better: .more),
    ]
  }

  private static func post(_ bodies: [[UInt8]], _ type: String, _ collector: CollectorProcess) async throws -> Cost {
    let clock = ContinuousClock()
    let (start, cpu) = (clock.now, collector.process.cpuSeconds)
    try await HTTPSender.post(bodies, type: type, port: collector.port, connections: senders)
    let wall = (clock.now - start) / .seconds(1)
    try await collector.process.isQuiet()
    return Cost(wall: wall, cpu: collector.process.cpuSeconds - cpu)
  }

  private static func check(_ trace: UInt64, hasSpans count: Int, _ collector: CollectorProcess) async throws {
    let id = String(trace, radix: 16)
    let path = "/api/v2/trace/\(String(repeating: "0", count: 16 - id.count))\(id)"
    let data = Data(try HTTPSender(port: collector.port).get(path))
    let spans = try JSONSerialization.jsonObject(with: data) as? [Any] ?? []
    try BenchmarkFailure.unless(spans.count == count, "\(path) has \(spans.count) spans instead of \(count)")
  }
}
