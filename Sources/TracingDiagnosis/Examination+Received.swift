import MeshModel
import MeshPolicy
import ProxyEvidence

/// What the collector says of what it has received.
extension Examination {
  /// How far a clock may be off, in seconds.
  private static let clock = 60.0
  /// How long no span may have come before its removal is the answer, in seconds.
  private static let quiet = 10.0

  /// What is wrong with spans that have come.
  var received: Verdict? {
    if let wrong = input.programs.first(where: { $0.wrongUnit != nil }) { return wrongUnit(wrong) }
    guard case .own = input.receiver, let received = input.received else { return nil }
    return refused(received) ?? wrongUnit(received) ?? clockOff(received) ?? otherName(received)
  }

  /// What the collector refused, by reason.
  var refusalFacts: [Verdict.Fact] {
    guard recentRefusal != nil, let received = input.received else { return [] }
    return received.refused.prefix(4).map { refusal in
      let spans = refusal.spans > 0 ? refusal.spans.of("span") : refusal.requests.of("request")
      return Verdict.Fact(.collector, "It refused \(spans): \(refusal.reason.abridged().sentence)")
    }
  }

  /// What is wrong with spans that are stored, while reports are lost now and then.
  var misplaced: Verdict? {
    guard delivery?.outcome == .intermittent, case .own = input.receiver, let received = input.received,
      var verdict = wrongUnit(received) ?? clockOff(received) ?? otherName(received)
    else { return nil }
    if let lostReports { verdict.evidence.append(.init(.envoy, lostReports.summary)) }
    return verdict
  }

  private func refused(_ received: ReceivedSpans) -> Verdict? {
    guard let last = recentRefusal else { return nil }
    let counts = refusalFacts
    // One span in a hundred, after which others came, is a fact and no fault.
    if let lately, lately.refused * 100 <= lately.stored, let stored = received.lastStored, stored > last.time {
      return nil
    }
    return Verdict(
      .spansRefused, "The collector refused spans of the proxy (\(last.status)): \(last.reason.abridged().sentence)",
      evidence: counts, since: last.time)
  }

  private func wrongUnit(_ received: ReceivedSpans) -> Verdict? {
    guard let unit = received.wrongUnit else { return nil }
    return Verdict(
      .wrongUnit, "Times of the spans are in \(unit.abridged()), so they are stored at a wrong time.",
      evidence: [.init(.collector, "Start and duration fit the present only if they are read as \(unit.abridged()).")],
      trace: received.newestTrace)
  }

  private func wrongUnit(_ program: DiagnosisInput.Program) -> Verdict {
    let unit = program.wrongUnit?.abridged() ?? ""
    let name = "\"\(program.name.abridged())\" of service \"\(program.service.abridged())\""
    return Verdict(
      .wrongUnit, "The program \(name) sends times in \(unit), so its spans are stored at a wrong time.",
      evidence: [.init(.collector, "Times of \(name) fit the present only if they are read as \(unit).")])
  }

  private func clockOff(_ received: ReceivedSpans) -> Verdict? {
    guard let offset = received.clockOffset, abs(offset) >= Self.clock else { return nil }
    let words = Timestamp.words(seconds: abs(offset))
    let isBehind = offset > 0
    let search =
      isBehind
      ? abs(offset) >= input.searchedSeconds
        ? "searches that look back \(Timestamp.words(seconds: input.searchedSeconds)) never find them"
        : "searches find them at a time that is \(words) too early"
      : "searches do not find them before \(words) have passed"
    return Verdict(
      .clockOff,
      "The clock of the proxy's host is \(words) \(isBehind ? "behind" : "ahead"): spans are stored, but \(search).",
      evidence: [
        .init(.collector, "Reports come \(words) \(isBehind ? "after" : "before") the end of their newest span.")
      ],
      remedy: "Synchronise the clock of the host; until then, search around "
        + "\(Timestamp(seconds: input.now.seconds - Int64(offset)).wholeSecond) for what happened at \(input.now.wholeSecond).",
      trace: received.newestTrace)
  }

  private func otherName(_ received: ReceivedSpans) -> Verdict? {
    let own = Set(groups.filter { $0.listener.direction == .inbound }.map(\.listener.service))
    guard !own.isEmpty, !received.services.isEmpty, own.isDisjoint(with: received.services),
      own.isDisjoint(with: received.services.map { $0.lowercased() }),
      Set(own.map { $0.lowercased() }).isDisjoint(with: received.services)
    else { return nil }
    let names = PolicyWarnings.list(received.services)
    return Verdict(
      .otherServiceName,
      "The proxy's spans arrive under the service name \(names), not \(PolicyWarnings.list(own.sorted())).",
      evidence: [.init(.collector, "It stored \(received.total.of("span")) of this proxy under \(names).")],
      remedy: "Search for \(names); to change the name, correct the tag kuma.io/service and restart the proxy.",
      trace: received.newestTrace)
  }

  /// Reports were answered with 202, and the collector of this process has not got them.
  var elsewhere: Verdict? {
    guard case .own = input.receiver, let received = input.received, let history else { return nil }
    // A report is answered when its spans are stored, and counted soon after. Earlier ones may have gone elsewhere.
    let begin = configuration.since.map { max($0, received.since) } ?? received.since
    let last = received.lastStored.map { max($0, begin) } ?? begin
    if let answered = history.answered, answered.secondsSince(last) > EvidenceLimits.answer / .seconds(1) {
      let sample = history.ownSamples().last { $0.change.tracer.reportsSent > 0 }
      return lostOnTheWay(received, sample?.change.tracer.reportsSent ?? 0, since: answered)
    }
    guard let receipt = receipts.first(where: { $0.state == .silent || $0.state == .short }) else { return nil }
    return Verdict(
      .unknown,
      "Spans of the \(receipt.direction.rawValue) \(receipt.listener) are missing, and what is known does not say why: "
        + "\(receipt.text(at: input.now)).",
      evidence: [trafficFact, reportsFact].compactMap { $0 }
        + [
          .init(.collector, "It stored \(received.total.of("span")) of this proxy since \(received.since.wholeSecond).")
        ],
      since: receipt.since, trace: received.newestTrace)
  }

  private func lostOnTheWay(_ received: ReceivedSpans, _ reports: Int, since: Timestamp) -> Verdict {
    let others = newest.collectors.filter { $0.key != input.collectorStatistics && $0.value.requests > 0 }.keys.sorted()
    let facts: [Verdict.Fact] = [
      .init(
        .envoy,
        reports > 0
          ? "Reports were answered with 202: \(reports.grouped) at the last count."
          : "A report was answered with 202 at \(since.wholeSecond) or later."),
      .init(
        .collector,
        received.lastStored.map { "The last span of this proxy was stored at \($0.wholeSecond)." }
          ?? "No span of this proxy has come since \(received.since.wholeSecond)."),
    ]
    let usesExpected = input.collectorStatistics.map { (newest.collectors[$0]?.requests ?? 0) > 0 } ?? true
    if !usesExpected, !others.isEmpty {
      return Verdict(
        .otherConfiguration,
        "Envoy sends its reports to another collector (\(PolicyWarnings.list(others))) than the policy says.",
        evidence: facts, since: since)
    }
    return Verdict(
      .unknown, "Something at \(collectorText) answers the reports with 202, but this collector has not received them.",
      evidence: facts, remedy: "Look who listens at \(collectorText), as seen from the proxy.", since: since)
  }

  /// What Envoy says of its reports.
  var reportsFact: Verdict.Fact? {
    guard history != nil, newest.tracer.kind != nil else { return nil }
    let tracer = newest.tracer
    return .init(
      .envoy,
      "Since it started, Envoy has handed over \(tracer.spansSent.of("span")); \(tracer.reportsSent.of("report")) arrived and "
        + "\(tracer.lost.grouped) were lost.")
  }

  /// The store has removed what came of the proxy.
  var removed: Verdict? {
    guard case .own = input.receiver, let received = input.received, let last = received.lastStored,
      let retention = input.retention
    else { return nil }
    let isTooOld = retention.age.map { input.now.secondsSince(last) > $0 } ?? false
    let isBeforeAll = retention.oldest.map { $0 > last } ?? (received.total > 0)
    guard isTooOld || isBeforeAll, input.now.secondsSince(last) > Self.quiet else { return nil }
    return Verdict(
      .removedByRetention,
      "Spans of the proxy were stored until \(last.wholeSecond), and the store has removed them since.",
      evidence: [
        .init(
          .collector,
          retention.oldest.map { "The oldest span in the store is of \($0.wholeSecond)." } ?? "The store is empty."),
        .init(
          .collector,
          retention.age.map { "It removes spans after \(Timestamp.words(seconds: $0))." }
            ?? "It removes the oldest spans when it is full."),
      ])
  }
}
