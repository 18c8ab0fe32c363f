import MeshModel
import MeshPolicy
import ProxyEvidence

/// Requests that Envoy chose to trace, and of which it made no spans.
extension Examination {
  /// The probability of an accident below which a number of spans counts as too small.
  private static let oneInAMillion = 1e-6
  /// The time that a message may be late, in seconds: proxies tell what goes on every eight seconds, of what they read every two.
  private static let message = 12.0
  /// The newest part of what is looked at, in seconds. It decides where it has enough.
  private static let present = 20.0
  /// How many requests without a span in a row are no accident, and how many among others.
  private static let (runAtLeast, missingAtLeast) = (5, 20)
  /// How many without a span are no accident where there is no span at all: the spans of one or two may be under way.
  private static let silentAtLeast = 3

  /// Requests that were chosen in some part of the past, long enough ago that their spans are handed over, and the spans that were.
  private struct Chosen {
    var old = 0
    var sent = 0
    var begin: Timestamp?
    var missing: Int { old - sent }

    /// Whether so many are missing that somebody forbids them.
    var isForbidden: Bool {
      missing >= (sent == 0 ? Examination.silentAtLeast : max(Examination.missingAtLeast, old / 2))
    }
  }

  /// Envoy has chosen requests, and handed over no spans of them although it has had the time.
  func forbidden(_ history: EvidenceHistory) -> Verdict? {
    // Datadog's tracer does not count spans.
    guard backend?.kind == .zipkin else { return nil }
    // A tracer counts whenever its time is over, also where it has no span. One that does not may still hold them.
    var flushed = samples.last { $0.change.tracer.timerFlushes > 0 }?.time
    let isQuiet = samples.last.map { input.now.secondsSince($0.time) > Self.message } ?? false
    if isQuiet, newest.tracer.timerFlushes > 0 { flushed = max(flushed ?? history.epochBegin, input.now) }
    let minute = chosen(samples[...], until: flushed)
    guard let found = found(minute, until: flushed) else {
      let isHeld = flushed.map { history.time.secondsSince($0) > interval + Self.message } ?? true
      return isHeld ? held(history, minute.sent) : nil
    }
    // What begins at callers with less sampling is traced as they decide.
    if let share = callersShare, share < 1,
      found.sent >= Binomial(trials: found.old, probability: share).low(Self.oneInAMillion)
    {
      return nil
    }
    let callers = callersShare.map { $0 < 1 } ?? false
    let facts: [Verdict.Fact?] = [
      .init(
        .envoy,
        "It chose \(found.old.of("request")) and made \(found.sent.of("span")): x-b3-sampled: 0, b3: 0 or ids in B3 headers that it "
          + "cannot read have this effect."), trafficFact,
      callers ? .init(.decided, "Proxies that call this one have a lower sampling.") : nil,
    ]
    return Verdict(
      .callersForbid,
      "Callers' B3 headers keep \(found.missing.grouped) of \(found.old.of("request")) from being traced.",
      evidence: facts.compactMap { $0 }, since: found.begin)
  }

  /// The part of the past that shows it: the newest requests, of which none left a span; or those of the newest seconds; or of the whole
  /// time that is looked at, unless the newest have left theirs.
  private func found(_ minute: Chosen, until flushed: Timestamp?) -> Chosen? {
    let run = samples.suffix(samples.reversed().prefix { $0.change.tracer.spansSent == 0 }.count)
    let silent = chosen(run, until: flushed)
    if silent.old >= Self.runAtLeast { return silent }
    guard let last = samples.last, !isWell(last) else { return nil }
    let recent = samples.suffix(samples.count { last.time.secondsSince($0.time) <= Self.present })
    let present = chosen(recent, until: flushed)
    if present.isForbidden, present.old >= Self.runAtLeast { return present }
    return minute.isForbidden && (present.old == 0 || present.missing > 0) ? minute : nil
  }

  /// Whether the newest requests have left their spans.
  private func isWell(_ sample: EvidenceHistory.Sample) -> Bool {
    let decided = TrafficCounts(sample.change, traced).decided
    return decided >= Self.runAtLeast && Double(sample.change.tracer.spansSent) >= 0.9 * Double(decided)
  }

  private func chosen(_ samples: ArraySlice<EvidenceHistory.Sample>, until time: Timestamp?) -> Chosen {
    Chosen(
      old: decided(samples, until: time, before: interval + 0.5),
      sent: samples.reduce(0) { $0 &+ $1.change.tracer.spansSent }, begin: samples.first?.begin)
  }

  /// Requests that were chosen some seconds before a time.
  private func decided(
    _ samples: ArraySlice<EvidenceHistory.Sample>, until time: Timestamp?, before seconds: Double
  ) -> Int {
    guard let time else { return 0 }
    return samples.reduce(0) { sum, sample in
      time.secondsSince(sample.time) > seconds ? sum &+ TrafficCounts(sample.change, traced).decided : sum
    }
  }

  /// Envoy has chosen requests, and its tracer holds their spans for longer than it should.
  private func held(_ history: EvidenceHistory, _ sent: Int) -> Verdict? {
    let old = decided(samples[...], until: history.time, before: interval + 0.5)
    guard old - sent > 0, sent == 0 || old - sent >= max(20, old / 2) else { return nil }
    return Verdict(
      .unknown,
      "Envoy chose \(old.of("request")) to be traced and has handed over \(sent.of("span")); its tracer reports nothing now.",
      evidence: [trafficFact, .init(.envoy, "Its tracer's timer (timer_flushed) does not run.")].compactMap { $0 },
      since: samples.first?.begin)
  }

  /// The share of the requests that callers in the mesh sample; `nil` where none is known.
  private var callersShare: Double? {
    let known = input.calls.filter { $0.requests > 0 }
    let all = known.reduce(0.0) { $0 + Double($1.requests) }
    guard all > 0 else { return nil }
    return known.reduce(0.0) { $0 + Double($1.requests) * min(100, $1.sampling ?? 100) / 100 } / all
  }
}
