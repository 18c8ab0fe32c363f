extension PropagationAnalyzer {
  /// The number of calls with the id of a request in flight, but another trace, that is sufficient evidence.
  private static let fewestCertain = 3
  private static let fewestCalls = 10
  /// The number of judged calls that makes the newest minutes a sample.
  private static let recentCalls = 200

  /// Whether calls to a callee are made for requests without their headers, in the whole period or in its newest minutes. Calls on
  /// the service's own account would otherwise hide that it recently began to break traces.
  func hasEvidence(_ index: Int, _ from: Int64, _ to: Int64) -> Bool {
    let pair = pairs[index]
    let counts = pair.counts(from, to)
    guard counts.started > 0 else { return false }
    return Self.isBroken(counts, pair.locks) || Self.isBroken(pair.newestCounts(from, to, Self.recentCalls), pair.locks)
      || hasSwitched(index, counts)
  }

  /// Whether proxies begin traces in all of their newest calls, while other proxies of the service continue them, or the same ones did.
  /// If a service changes from one to the other for all calls at once, its calls are made for requests.
  private func hasSwitched(_ index: Int, _ counts: CallCounts) -> Bool {
    guard pairs[index].lastContinued > 0 else { return false }
    let tallies = tallies(of: index)
    let breaking = tallies.filter(\.tally.breaks)
    guard !breaking.isEmpty else { return false }
    // As many calls for each request as the others make are not work of its own.
    let isLikeOthers = breaking.contains { one in
      tallies.contains { other in
        other.tally.forwards && one.callsPerRequest < 2 * other.callsPerRequest
          && other.callsPerRequest < 2 * one.callsPerRequest
      }
    }
    if isLikeOthers { return true }
    let run = breaking.reduce(0) { $0 + $1.tally.run }
    return breaking.count == tallies.count && run >= 2 * CallTally.longRun && counts.continued >= 2 * CallTally.longRun
      && (counts.started - run) * 20 <= counts.continued
  }

  private static func isBroken(_ counts: CallCounts, _ locks: LockTest) -> Bool {
    if counts.certain >= fewestCertain || counts.late >= fewestCertain { return true }
    let isExclusive = counts.inFlight * 20 >= counts.begun * 19
    return counts.inFlight >= fewestCalls && counts.test.excludesChance
      && !locks.hasOtherReason(isExclusive: isExclusive)
  }

  /// The current state of the calls to a callee, given evidence that some began traces instead of continuing them.
  private func state(
    _ index: Int, _ recent: RecentCalls.Outcome, _ from: Int64, _ to: Int64
  ) -> PropagationReport.Callee.State {
    let pair = pairs[index]
    let counts = pair.counts(from, to)
    // Clocks differ between proxies, so that the newest calls of all may be those of one.
    let tallies = tallies(of: index)
    if tallies.contains(where: \.tally.breaks), tallies.contains(where: \.tally.forwards) { return .partly }
    if recent.breaks(continued: counts.continued, started: counts.started) { return .breaks }
    if recent.isFixed(continued: counts.continued, started: counts.started) { return .fixed }
    return Self.isFixedBesideOwnCalls(pair, from, to) ? .fixed : .partly
  }

  /// Whether the calls of the newest minutes that began traces were made on the service's own account. The minutes before must have
  /// the evidence, and the newest minutes so many calls that an unfixed service would show it again.
  private static func isFixedBesideOwnCalls(_ pair: Pair, _ from: Int64, _ to: Int64) -> Bool {
    let minutes = pair.calls.values(from: from, to: to)
    var newest = CallCounts()
    for split in minutes.indices.reversed() {
      newest.add(minutes[split])
      guard newest.certain == 0, newest.late == 0 else { return false }
      guard newest.continued > 0, !newest.test.isUndecided else { continue }
      let before = Pair.sum(minutes[..<split])
      guard before.test.observations > 0, isBroken(before, pair.locks) else { continue }
      let share = Double(newest.test.observations) / Double(before.test.observations)
      if before.test.bound * share >= ChanceTest.threshold { return true }
    }
    return false
  }

  /// The findings on a service in a period, in microseconds since 1970.
  ///
  /// - Parameter silent: what is known of its proxies if some are silent.
  func report(
    _ service: Service, _ silent: PropagationFinding?, _ from: Int64, _ to: Int64
  ) -> PropagationReport.Service {
    let inbound = (service.hasProxy ? service.inbound : service.ownInbound).values(from: from, to: to).reduce(0, +)
    let known = service.hasProxy ? service.pairs : service.ownPairs
    let callees = known.values.compactMap { callee($0, service, inbound, from, to) }.sorted { $0.name < $1.name }
    let recent = RecentCalls.outcome(
      of: callees.flatMap { callee in
        known[callee.name].map {
          pairs[$0].recent.calls(from: from, to: to, withStarted: callee.state != .forwards)
        } ?? []
      })
    let continued = callees.reduce(0) { $0 + $1.continued }
    let started = callees.reduce(0) { $0 + $1.started }
    let findings = Self.worstFirst(callees.flatMap(\.findings) + [silent].compactMap { $0 })
    let breaks = findings.filter { $0.kind.isBreak }
    let verdict: PropagationReport.Verdict
    var message: String
    let advice = Self.sentences(Self.unique(findings.map(\.advice)))
    if callees.contains(where: \.isBroken) {
      let begins = callees.contains(where: \.beginsTraces)
      let isAll = begins ? recent.breaks(continued: continued, started: started) : breaks.allSatisfy(\.isWhole)
      verdict = isAll ? .breaks : .partly
      message = Self.sentences(callees.filter(\.isBroken).map(\.message)) + " " + advice
    } else if silent != nil {
      verdict = .silent
      message = ""
    } else if callees.contains(where: { $0.state == .fixed }) {
      verdict = .forwards
      message = Self.sentences(callees.filter { $0.state == .fixed }.map(\.message))
    } else {
      (verdict, message) = blameless(service, inbound, callees)
    }
    if let silent { message = Self.sentences([message, silent.message].filter { !$0.isEmpty }) }
    if silent != nil, !callees.contains(where: \.isBroken) { message += " " + advice }
    return PropagationReport.Service(
      name: service.name, verdict: verdict, message: message, advice: advice.isEmpty ? nil : advice, inbound: inbound,
      continued: continued,
      started: started, rate: continued + started > 0 ? Double(continued) / Double(continued + started) : nil,
      recentContinued: recent.continued, recentStarted: recent.started, callees: callees, findings: findings,
      examples: callees.flatMap { callee in callee.examples.map { (callee.name, $0) } })
  }

  private static func sentences(_ sentences: [String]) -> String {
    let shown = sentences.prefix(3).joined(separator: " ")
    return sentences.count > 3 ? shown + " And \(sentences.count - 3) more." : shown
  }

  private static func unique(_ sentences: [String]) -> [String] {
    var known: Set<String> = []
    return sentences.filter { known.insert($0).inserted }
  }

  private static func worstFirst(_ findings: [PropagationFinding]) -> [PropagationFinding] {
    let ranks = PropagationKind.allCases
    return findings.sorted { first, second in
      if first.kind.isBreak != second.kind.isBreak { return first.kind.isBreak }
      let (one, other) = (ranks.firstIndex(of: first.kind) ?? 0, ranks.firstIndex(of: second.kind) ?? 0)
      return (one, first.callee) < (other, second.callee)
    }
  }

  /// The verdict on a service that breaks no traces.
  private func blameless(
    _ service: Service, _ inbound: Int, _ callees: [PropagationReport.Callee]
  ) -> (PropagationReport.Verdict, String) {
    let continued = callees.reduce(0) { $0 + $1.continued }
    let unrelated = callees.reduce(0) { $0 + $1.unrelated }
    if inbound == 0 {
      return (
        .unknown, "\(service.name) makes calls and received no request through its proxy: it begins traces."
      )
    }
    if continued > 0 {
      return (
        .forwards,
        "\(service.name) forwards the trace headers in all \(continued) calls that it made for requests."
          + (unrelated == 0 ? "" : " \(unrelated) more began traces and are not attributed to any request.")
      )
    }
    if unrelated > 0 {
      return (
        .unknown,
        "\(service.name) made \(unrelated) calls that began traces; nothing says that they were made for requests."
      )
    }
    return (.receivesOnly, "\(service.name) receives requests and makes no calls through its proxy.")
  }

  private func callee(
    _ index: Int, _ service: Service, _ inbound: Int, _ from: Int64, _ to: Int64
  ) -> PropagationReport.Callee? {
    let pair = pairs[index]
    let counts = pair.counts(from, to)
    guard counts.continued + counts.begun > 0 else { return nil }
    let isBlamed = inbound > 0 && hasEvidence(index, from, to)
    let recent = RecentCalls.outcome(of: pair.recent.calls(from: from, to: to, withStarted: isBlamed))
    var findings = findings(of: index, service, from, to)
    guard isBlamed else {
      let message =
        counts.begun == 0
        ? "All \(counts.continued) calls to \(pair.named) continued a trace."
        : counts.continued == 0
          ? "\(counts.begun) calls to \(pair.named) began traces; nothing says that they were made for requests."
          : "\(counts.continued) calls to \(pair.named) continued a trace; \(counts.begun) began one and are not"
            + " attributed to any request."
      return PropagationReport.Callee(
        name: pair.callee, continued: counts.continued, started: 0, unrelated: counts.begun,
        message: Self.sentences([findings.isEmpty ? message : ""].filter { !$0.isEmpty } + findings.map(\.message)),
        recentContinued: recent.continued, recentStarted: recent.started, findings: findings, state: .forwards,
        examples: [])
    }
    let state = state(index, recent, from, to)
    let examples = pair.examples.map { example in
      var example = example
      let guess = 0.95 * shareForRequests(counts) / Double(max(example.candidates, 1))
      example.confidence = example.isCertain ? 0.99 * (1 - droppedShare) : guess
      return example
    }
    var message = message(pair, service, counts, recent, state, from, to)
    if state != .fixed {
      let finding = beginning(index, service, counts, message, examples, from, to)
      if finding.kind != .headersNotCopied { message = finding.message }
      findings.insert(finding, at: 0)
    }
    return PropagationReport.Callee(
      name: pair.callee, continued: counts.continued, started: counts.started,
      unrelated: counts.begun - counts.started, message: message,
      recentContinued: recent.continued, recentStarted: recent.started, findings: findings, state: state,
      examples: examples)
  }

  private func message(
    _ pair: Pair, _ service: Service, _ counts: CallCounts, _ recent: RecentCalls.Outcome,
    _ state: PropagationReport.Callee.State, _ from: Int64, _ to: Int64
  ) -> String {
    let all = counts.continued + counts.started
    if state == .fixed {
      let run = pair.run(recent, from, to)
      return "\(service.name) forwards the trace headers to \(pair.named) again"
        + (run >= Self.fewestCalls ? ", in all of the last \(run) calls" : "")
        + "; \(counts.started) of \(all) began traces before."
    }
    var message =
      "\(service.name) forwards the trace headers to \(pair.named) in \(counts.continued) of \(all) calls"
    if counts.continued > 0, recent.startedRun >= Self.fewestCalls {
      message += ", and in none of the last \(pair.run(recent, from, to))"
    } else if state == .partly, recent.count < all {
      message += ", and in \(recent.continued) of the last \(recent.count)"
    }
    message += "."
    if counts.certain > 0 { message += " (x-request-id is forwarded already, the others are not.)" }
    return message
  }
}

extension PropagationAnalyzer.Pair {
  /// The callee in a sentence.
  var named: String { callee.isEmpty ? "services that its spans do not name" : callee }

  package func counts(_ from: Int64, _ to: Int64) -> CallCounts { Self.sum(calls.values(from: from, to: to)) }

  /// The counts of the newest minutes, as many as have the given number of judged calls.
  func newestCounts(_ from: Int64, _ to: Int64, _ fewest: Int) -> CallCounts {
    var sum = CallCounts()
    for minute in calls.values(from: from, to: to).reversed() {
      guard sum.continued + sum.started < fewest else { break }
      sum.add(minute)
    }
    return sum
  }

  /// The length of the run of newest calls with one result, even if it is longer than the kept calls.
  fileprivate func run(_ recent: RecentCalls.Outcome, _ from: Int64, _ to: Int64) -> Int {
    let other = recent.runContinues ? lastStarted : lastContinued
    let since = Self.sum(calls.values(from: max(from, other / 60_000_000 * 60_000_000 + 60_000_000), to: to))
    return max(recent.run, recent.runContinues ? since.continued : since.started)
  }

  fileprivate static func sum(_ values: some Sequence<CallCounts>) -> CallCounts {
    values.reduce(into: CallCounts()) { $0.add($1) }
  }
}
