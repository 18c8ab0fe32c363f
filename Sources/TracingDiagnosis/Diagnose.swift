package import MeshModel
import MeshPolicy
import ProxyEvidence

/// Says why a proxy's requests leave no trace, or that they do.
///
/// Without a memory nothing is known of what was counted before, so receipts say "unknown".
package func diagnose(_ input: DiagnosisInput) -> Diagnosis {
  var memory = DiagnosisMemory()
  return diagnose(input, memory: &memory)
}

/// Says why a proxy's requests leave no trace, or that they do.
///
/// What is decided comes first, then the connection, what Envoy counted of reports, what the collector says, what Envoy decided about
/// requests. A fault of the connection is not named while spans arrive.
///
/// - Parameter memory: what was noted at earlier calls for the same proxy. Receipts compare what was counted between calls, so there
///   should be one for each message of evidence, or every few seconds.
package func diagnose(_ input: DiagnosisInput, memory: inout DiagnosisMemory) -> Diagnosis {
  let groups = ListenerGroup.all(of: input)
  note(input, groups, acknowledged: input.explanation.connection?.lastAcknowledgementTime, memory: &memory)
  let examination = Examination(input, memory, groups)
  var verdict = examination.verdict
  verdict.since = memory.note(verdict, now: input.now) ?? verdict.since
  return Diagnosis(verdict: verdict, receipts: examination.receipts)
}

/// Notes what was counted, for a diagnosis that may be asked for later.
///
/// - Parameters:
///   - input: the connection of the proxy and what others say are not needed.
///   - acknowledged: when the proxy last accepted a configuration, if it is known: since then its requests are traced as they are.
///   - memory: what is noted of the proxy.
package func note(_ input: DiagnosisInput, acknowledged: Timestamp?, memory: inout DiagnosisMemory) {
  note(input, ListenerGroup.all(of: input), acknowledged: acknowledged, memory: &memory)
}

private func note(
  _ input: DiagnosisInput, _ groups: [ListenerGroup], acknowledged: Timestamp?, memory: inout DiagnosisMemory
) {
  memory.note(configuration: input.tracingHash, acknowledged: acknowledged, now: input.now)
  if let evidence = input.evidence, evidence.isFresh(at: input.now) {
    var received: ReceivedSpans?
    if case .own = input.receiver { received = input.received }
    memory.note(evidence, received, groups, now: input.now)
  }
}

extension DiagnosisInput {
  /// What decides how requests are traced, as a number.
  fileprivate var tracingHash: Int {
    var hasher = Hasher()
    hasher.combine(explanation.candidates.first?.name)
    hasher.combine(explanation.resolution)
    hasher.combine(explanation.backendObstacle)
    return hasher.finalize()
  }
}

extension Examination {
  fileprivate var verdict: Verdict {
    if let decided { return decided }
    let connection = connection
    if let connection, connection.cause == .configurationRejected || hasRivals || !isFlowing(since: connection.since) {
      return connection
    }
    var verdict = onTheWay ?? untracedTraffic ?? elsewhere ?? removed ?? limits ?? withoutFault
    if let connection {
      verdict.evidence.append(.init(.proxy, connection.summary))
    }
    return verdict
  }

  /// What is wrong with reports, or with spans that have come.
  private var onTheWay: Verdict? { misplaced ?? lostReports ?? received }

  /// What keeps traces from being whole although spans arrive.
  private var limits: Verdict? {
    if let requirement = input.envoyRequirement {
      return Verdict(.envoyTooOld, requirement.sentence, evidence: [.init(.proxy, requirement.sentence)])
    }
    if let broken = input.brokenTraces {
      // It begins with the name of a service.
      return Verdict(
        .traceBroken, broken.ended,
        evidence: [
          .init(.collector, "It has examined the traces of the service; the view of broken traces has each call."),
          reportsFact,
        ].compactMap { $0 },
        trace: input.received?.newestTrace)
    }
    let inbounds = groups.filter { $0.listener.direction == .inbound }
    if !inbounds.isEmpty, inbounds.allSatisfy({ !$0.isTraced }) {
      return notHTTP(inbounds, "Requests to the service leave no spans at its proxy, whose inbounds do not see HTTP.")
    }
    return nil
  }

  /// Nothing is wrong; whether that is known, and whether there is anything to see.
  private var withoutFault: Verdict {
    guard history != nil else { return withoutEvidence }
    let arrived =
      switch input.receiver {
      case .own: hasStored
      case .ours, .other: accepted > 0
      }
    guard arrived else { return nothingArrived }
    var facts = [trafficFact, reportsFact].compactMap { $0 }
    if let delivery, delivery.lost > 0 {
      facts.append(
        .init(.envoy, "\(delivery.lost.of("report")) were lost within the last minute, and others arrive since."))
    }
    facts += refusalFacts
    switch input.receiver {
    case .own:
      let last = input.received?.lastStored
      if let last { facts.append(.init(.collector, "The last span of the proxy was stored at \(last.wholeSecond).")) }
      return Verdict(
        .fine, "Spans of the proxy are stored" + (last.map { ", the last one at \($0.wholeSecond)." } ?? "."),
        evidence: facts, trace: input.received?.newestTrace)
    case .ours, .other:
      return Verdict(
        .fine, "The collector at \(collectorText) has accepted \(accepted.of("report")) of the proxy.",
        evidence: facts + (counted.decided > 0 ? [] : [.init(.envoy, "No request was chosen since \(beginning).")]))
    }
  }

  /// Whether the collector has stored a span of a request that was traced as requests are now.
  private var hasStored: Bool {
    guard let last = input.received?.lastStored else { return false }
    guard configuration.isChanged, let since = configuration.since else { return true }
    return last.secondsSince(since) > interval + 1
  }

  /// Since when ``counted`` counts: a clause.
  private var beginning: String {
    guard configuration.isChanged, let since = configuration.since, since > (history?.epochBegin ?? since) else {
      return "Envoy started"
    }
    return "its tracing changed at \(since.wholeSecond)"
  }

  private var nothingArrived: Verdict {
    let judged = counted.judged
    if counted.decided > 0 {
      let summary =
        newest.tracer.kind == nil || accepted == 0 || configuration.isChanged
        ? "The first spans are under way: \(counted.decided.of("request")) were chosen to be traced."
        : "Reports were sent before this collector began to count; no request has come since."
      return Verdict(
        .noneExpected, level: .waiting, summary, evidence: [trafficFact, reportsFact].compactMap { $0 },
        remedy: "Wait some seconds, or send a request.")
    }
    return waiting(
      judged == 0 ? "No request has ended yet." : "None of \(judged.of("request")) was chosen yet.",
      "Envoy has decided about \(judged.of("request")) since \(beginning) and chose none.")
  }

  /// Envoy tells nothing.
  private var withoutEvidence: Verdict {
    let connection = input.explanation.connection
    if input.evidence == nil, let connection, isNew(connection) {
      let isOnline = connection.status == .online
      return Verdict(
        .noneExpected, level: .waiting,
        isOnline
          ? "The proxy has just connected; what its Envoy counts comes within seconds."
          : "The proxy is about to connect again; what its Envoy counts comes within seconds after.",
        evidence: [.init(.proxy, isOnline ? "Its connection is new." : (connection.obstacle ?? "It ended").sentence)],
        remedy: "Wait some seconds.")
    }
    let obstacle =
      input.evidenceObstacle
      ?? input.evidence.map { "its last message came \(input.now.ago(since: $0.time)) ago" } ?? "none has come"
    var facts: [Verdict.Fact] = [.init(.envoy, "What Envoy counts is not known: \(obstacle).")]
    let last = input.received?.lastStored
    if let last { facts.append(.init(.collector, "The last span of the proxy was stored at \(last.wholeSecond).")) }
    return Verdict(
      .unknown,
      last == nil
        ? "What the proxy's Envoy counts is not known, and no span of it is here."
        : "Spans arrive, but how many are missing is not known without what Envoy counts.",
      evidence: facts, remedy: "Have the proxy tell what its Envoy counts; the evidence says why it does not.",
      trace: input.received?.newestTrace)
  }

  /// Whether a connection was just made, or has just ended, as when a proxy or a control plane restarts.
  private func isNew(_ connection: ProxyConnection) -> Bool {
    switch connection.status {
    case .neverConnected: false
    case .offline: isReturning(connection)
    case .online: connection.connectTime.map { input.now.secondsSince($0) < Self.firstEvidence } ?? false
    }
  }
}
