import Foundation

/// What it costs to look for secrets in spans that hold none, and to hide those of spans that do: two collectors of their own, of which
/// one hides nothing, get the same spans in turns.
enum PrivacyBenchmark {
  private static let senders = 8
  private static let spansPerReport = 50

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    try await CollectorProcess.run(context) { hiding in
      try await CollectorProcess.run(context, variables: ["KUMA_COLLECTOR_PRIVACY_ENABLED": "false"]) { plain in
        [
          try await measure(context, hiding, plain, "spans without secrets") { $0 },
          try await measure(context, hiding, plain, "spans with a token in http.url", withToken),
        ]
      }
    }
  }

  private static func measure(
    _ context: BenchmarkContext, _ hiding: CollectorProcess, _ plain: CollectorProcess, _ what: String,
    _ change: ([UInt8]) -> [UInt8]
  ) async throws -> ResultRow {
    let (rounds, requests) = (context.size(8, quick: 4), context.size(400, quick: 100))
    let load = SpanLoad(traces: (rounds + 1) * requests * spansPerReport / SpanLoad.spansPerTrace)
    var spent = Comparison()
    // The first round is not measured: the collectors meet the texts for the first time.
    for round in 0...rounds {
      let bodies = load.bodies(round * requests..<(round + 1) * requests, spans: spansPerReport).map(change)
      let value = try await cost(bodies, hiding)
      let baseline = try await cost(bodies, plain)
      guard round > 0 else { continue }
      let spans = Double(requests * spansPerReport)
      spent.add(value: value / spans, baseline: baseline / spans)
    }
    return ResultRow(
      "privacy", "\(what), \(spansPerReport) per POST in JSON, CPU of the collector per span", in: .seconds,
      against: "the same with collector.privacy.enabled=false", spent)
  }

  private static func cost(_ bodies: [[UInt8]], _ collector: CollectorProcess) async throws -> Double {
    let cpu = collector.process.cpuSeconds
    try await HTTPSender.post(bodies, type: "application/json", port: collector.port, connections: senders)
    try await collector.process.isQuiet()
    return collector.process.cpuSeconds - cpu
  }

  /// The same spans, each URL with a token.
  private static func withToken(_ body: [UInt8]) -> [UInt8] {
    let text = String(decoding: body, as: UTF8.self)
    let key = #""http.url":"http://"#
    let changed = text.split(separator: key, omittingEmptySubsequences: false).enumerated().map { index, part in
      guard index > 0, let end = part.firstIndex(of: "\"") else { return String(part) }
      return part[..<end] + "?access_token=0123456789abcdef" + part[end...]
    }
    return Array(changed.joined(separator: key).utf8)
  }
}
