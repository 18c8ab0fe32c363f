extension PropagationAnalyzer {
  /// The finding of calls that began traces instead of continuing them: why, and since when, and in which proxies.
  ///
  /// - Parameter message: what is said of the calls without a reason.
  func beginning(
    _ index: Int, _ service: Service, _ counts: CallCounts, _ message: String, _ examples: [PropagationReport.Example],
    _ from: Int64, _ to: Int64
  ) -> PropagationFinding {
    let pair = pairs[index]
    let (kind, reason) = reason(pair, counts, from, to)
    let tallies = tallies(of: index)
    let breaking = tallies.filter(\.tally.breaks)
    let others = tallies.filter(\.tally.forwards)
    let isDivided = !breaking.isEmpty && !others.isEmpty
    // Before the first call of the run there were others; without others it was always so.
    let since = breaking.map(\.tally.runSince).min()
    return PropagationFinding(
      kind: kind, callee: pair.callee, calls: counts.started, judged: counts.continued + counts.started,
      message: reason.isEmpty ? message : message + " " + reason,
      advice: kind.advice(headers: Self.headers(isBesideEnvoy: service.isBesideEnvoy), service: service.name),
      since: pair.lastContinued > 0 ? since : nil,
      nodes: isDivided ? Self.nodes(breaking) : [], otherNodes: isDivided ? Self.nodes(others) : [],
      traces: examples.sorted { $0.time > $1.time }.map(\.trace))
  }

  private static let nodesPerFinding = 20

  static func nodes(_ tallies: [ProxyTally]) -> [String] {
    Array(tallies.map(\.node).filter { !$0.isEmpty }.sorted().prefix(nodesPerFinding))
  }

  /// What tells these calls from those that continue traces. What cannot be told apart is a header that was not copied.
  private func reason(
    _ pair: Pair, _ counts: CallCounts, _ from: Int64, _ to: Int64
  ) -> (PropagationKind, String) {
    // Nearly all calls whose request is known were made after its answer.
    if counts.late >= 3, counts.late * 10 >= (counts.late + counts.certain) * 9,
      counts.continued > 0 || counts.lateAlone > 0
    {
      return (
        .detachedWork,
        "\(counts.late) of them were made after the answer to their request, which its x-request-id tells."
      )
    }
    if let limit = pair.sizes.limit(from: from, to: to) { return (.newTraceAboveSize, Self.text(limit, "calls")) }
    if let limit = pair.requestSizes.limit(from: from, to: to) {
      return (.newTraceAboveSize, Self.text(limit, "calls for requests"))
    }
    return (.headersNotCopied, "")
  }

  private static func text(_ limit: CallSizes.Limit, _ calls: String) -> String {
    "Of the last \(calls), all \(limit.begunCalls) of \(limit.begun) bytes and more began traces, and all "
      + "\(limit.continuedCalls) of \(limit.continued) bytes and less continued theirs."
  }
}
