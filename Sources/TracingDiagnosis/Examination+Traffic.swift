import MeshModel
import MeshPolicy
import ProxyEvidence

/// What Envoy decided about the requests that it saw.
extension Examination {
  /// The probability of an accident below which a number of traced requests counts as wrong.
  private static let accident = 1e-6
  /// Requests of callers that make a silent proxy remarkable.
  private static let callsAtLeast = 3
  /// How long a request may be open before that is the answer, in seconds.
  private static let open = 5.0
  /// The same of a request that was open when the first message came: the next one comes within this time.
  private static let openAtFirst = 8.0

  /// Why requests leave no spans although reports are fine; `nil` where nothing is wrong.
  var untracedTraffic: Verdict? {
    guard let history else { return nil }
    if let past = pastTheProxy { return past }
    let all = TrafficCounts(newest, traced)
    if all.requests == 0 && all.judged == 0 { return nothingSeen(history) }
    return openStreams ?? healthChecks ?? otherConfiguration ?? untraceable ?? forbidden(history)
  }

  /// Callers reach the service, and none of its proxies has seen it.
  private var pastTheProxy: Verdict? {
    guard
      let calls = input.calls.filter({ $0.counted == 0 && $0.requests >= Self.callsAtLeast }).max(by: {
        $0.requests < $1.requests
      })
    else { return nil }
    return Verdict(
      .pastTheProxy,
      "Requests to \"\(calls.service.abridged())\" do not go through its proxy: it has counted none of the "
        + "\(calls.requests.grouped) that callers sent in the last minute.",
      evidence: [
        .init(.envoy, "The proxies of \"\(calls.caller.abridged())\" counted \(calls.requests.of("request"))."),
        .init(.envoy, "The inbounds of \"\(calls.service.abridged())\" counted none."),
      ])
  }

  private func nothingSeen(_ history: EvidenceHistory) -> Verdict {
    let checks = newest.listeners[EvidenceStatistics.probeListener]?.healthChecks ?? 0
    if checks > 0 {
      return Verdict(
        .healthChecksOnly, "The proxy has only seen health checks, which leave no spans.",
        evidence: [
          .init(
            .envoy,
            "At \(history.time.wholeSecond) its listener for health checks had counted \(checks.of("request")), the others none."
          )
        ],
        since: history.epochBegin)
    }
    return waiting(
      "No request has come to a listener of the proxy that is traced.",
      "Envoy has counted no request at \(traced.count.of("traced listener")) since it started.")
  }

  /// The verdict that nothing is wrong and nothing to be seen yet.
  func waiting(_ summary: String, _ fact: String) -> Verdict {
    let need = sampling.share > 0 ? Int((1 / sampling.share).rounded(.up)) : 0
    let text =
      need > 1
      ? "\(summary) At \(sampling.text) one span is expected in \(need.of("request"))."
      : "\(summary) The first one leaves a span."
    return Verdict(
      .noneExpected, level: .waiting, text, evidence: [.init(.envoy, fact)],
      remedy: need > 1 ? nil : "Send a request.")
  }

  private var openStreams: Verdict? {
    guard traffic.judged == 0, traffic.active > 0, let since = openSince,
      input.now.secondsSince(since.known) >= since.time
    else { return nil }
    let requests = max(traffic.requests, traffic.active)
    return Verdict(
      .streamOpen, level: .waiting,
      "\(traffic.active.of("request")) \(traffic.active == 1 ? "is" : "are") still open; a span is reported when its request ends.",
      evidence: [
        .init(.envoy, "Of \(requests.of("request")) none has ended since \(since.begin.wholeSecond).")
      ],
      since: since.begin)
  }

  /// Since when requests may be open, when that was known, and after how many seconds it is the answer. Those that were open at the
  /// first message are in no sample; that they have ended may be told some seconds later.
  private var openSince: (begin: Timestamp, known: Timestamp, time: Double)? {
    if let first = samples.first { return (first.begin, first.time, Self.open) }
    guard let history, counted.judged == 0 else { return nil }
    return (history.epochBegin, max(history.begin, configuration.since ?? history.begin), Self.openAtFirst)
  }

  private var healthChecks: Verdict? {
    guard traffic.healthChecks > 0, traffic.healthChecks == traffic.judged else { return nil }
    return Verdict(
      .healthChecksOnly, "All \(traffic.healthChecks.of("request")) were health checks, which leave no spans.",
      evidence: [trafficFact].compactMap { $0 })
  }

  /// Requests have ended, and Envoy has decided nothing: its listeners do not trace.
  private var otherConfiguration: Verdict? {
    let ended = traffic.requests - traffic.active - traffic.resets
    guard traffic.judged == 0, ended > 0 else { return nil }
    return Verdict(
      .otherConfiguration,
      "The Envoy that runs does not trace its listeners: of \(ended.of("request")) it has decided nothing.",
      evidence: [trafficFact].compactMap { $0 })
  }

  private var untraceable: Verdict? {
    let trials = traffic.decided &+ traffic.notTraceable
    let chances = Binomial(trials: trials, probability: sampling.share)
    guard traffic.notTraceable > 0, traffic.decided < chances.low(Self.accident) else { return nil }
    // Few of many may have been decided before the sampling was raised, on connections that last.
    guard Double(traffic.decided) < 0.9 * chances.mean else { return nil }
    let counts = "\(traffic.decided.grouped) of \(trials.of("request"))"
    let facts = [
      Verdict.Fact(.envoy, "It counted \(traffic.notTraceable.of("request")) as not_traceable."), trafficFact,
    ].compactMap { $0 }
    guard sampling.share < 1 else {
      // At 100 % proxies do not look at the id.
      return Verdict(
        .unknown, "Envoy chose \(counts) although the sampling is 100 %, and no id of a request has a part in that.",
        evidence: facts, remedy: "Look whether the runtime of the Envoy overrides tracing.random_sampling.")
    }
    return Verdict(
      .requestIDUntraceable,
      "Envoy chose \(counts), where \(sampling.text) would be about \(Int(chances.mean.rounded()).grouped): it cannot trace by the "
        + "x-request-id of the others, or its runtime overrides the sampling.",
      evidence: facts)
  }
}
