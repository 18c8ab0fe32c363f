import TestSupport
package import TraceModel
package import TraceStore

/// Spans and queries for tests of stores: of a few services, with common and rare tags.
package enum SampleSpans {
  /// The present of the tests, in milliseconds since 1970.
  package static let now: Int64 = 1_790_812_800_000
  /// What ``TraceQuery`` needs to find all of them.
  package static let everything = TraceQuery(endTs: now, lookback: 3_600_000, limit: 1_000)

  /// The spans of so many traces, mixed as they come from several senders.
  package static func spans(_ traces: Int, seed: UInt64) -> [Span] {
    var random = SeededGenerator(seed: seed)
    var spans: [Span] = []
    for trace in 1...traces {
      let root = UInt64.random(in: 1...(.max), using: &random)
      for number in 0..<Int.random(in: 1...6, using: &random) {
        var tags = [Span.Tag("http.method", "GET"), .init("n", "\(Int.random(in: 0..<20, using: &random))")]
        if Int.random(in: 0..<15, using: &random) == 0 { tags.append(.init("error", "true")) }
        if Int.random(in: 0..<40, using: &random) == 0 { tags.append(.init("rare", "x\(trace % 3)")) }
        spans.append(
          span(
            trace: root, UInt64(number + 1),
            parent: number == 0 ? nil : UInt64(Int.random(in: 1...number, using: &random)),
            [nil, .client, .server][Int.random(in: 0..<3, using: &random)],
            service: "s\(Int.random(in: 0..<4, using: &random))",
            name: "get /\(Int.random(in: 0..<5, using: &random))", at: Int64(trace * 3 + number),
            for: Int64.random(in: 0..<3_000, using: &random),
            remote: Int.random(in: 0..<3, using: &random) == 0 ? "s\(Int.random(in: 0..<4, using: &random))" : "",
            tags: tags, annotations: trace % 50 == 0 ? [.init(timestamp: 5, value: "retry")] : []))
      }
    }
    // Neighbours change places, so that traces lie across everything that is written together.
    for index in spans.indices {
      spans.swapAt(index, min(spans.count - 1, index + Int.random(in: 0..<40, using: &random)))
    }
    return spans
  }

  /// Queries of every kind about these spans.
  package static func queries(_ count: Int, seed: UInt64) -> [TraceQuery] {
    var random = SeededGenerator(seed: seed)
    func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }
    return (0..<count).map { _ in
      let end = now - 60_000 + Int64.random(in: 0..<2_500, using: &random)
      var query = TraceQuery(endTs: end, lookback: Int64.random(in: 1..<3_000, using: &random), limit: 1_000)
      if chance(2) { query.serviceName = "s\(Int.random(in: 0..<5, using: &random))" }
      if chance(4) { query.spanName = "get /\(Int.random(in: 0..<6, using: &random))" }
      if chance(6) { query.remoteServiceName = "s\(Int.random(in: 0..<4, using: &random))" }
      if chance(5) { query.errorsOnly = true }
      if chance(4) { query.minDuration = Int64.random(in: 1..<3_000, using: &random) }
      if query.minDuration != nil, chance(2) { query.maxDuration = query.minDuration.map { $0 + 500 } }
      if chance(8) { query.maxTraceDuration = Int64.random(in: 3_000..<9_000, using: &random) }
      if chance(3) { query.annotations = [("n", "\(Int.random(in: 0..<22, using: &random))")] }
      if chance(5) { query.annotations += [("rare", chance(2) ? "" : "x1")] }
      if chance(9) { query.annotations += [("retry", "")] }
      return query
    }
  }
}
