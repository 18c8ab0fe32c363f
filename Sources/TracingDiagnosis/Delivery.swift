import MeshModel
import ProxyEvidence

/// What became of a proxy's reports lately, as its Envoy counted them.
struct Delivery: Sendable, Hashable {
  /// How it went.
  enum Outcome: Sendable, Hashable {
    /// No report was made.
    case none
    /// Reports arrive. Some may have been lost in one stretch that is over, as when a collector is restarted.
    case working
    /// The newest reports were all lost, or are being tried again.
    case failing
    /// Some reports arrive and some are lost, again and again.
    case intermittent
  }

  /// How it went.
  var outcome: Outcome
  /// Reports that arrived, in the time that was looked at.
  var sent = 0
  /// Reports that were lost.
  var lost = 0
  /// Since when reports are lost.
  var since: Timestamp?
  /// When the newest report arrived, at the latest.
  var lastSent: Timestamp?
  /// What the tracer counted while reports were lost.
  var tracer = TracerCounts()
  /// What the collector's cluster counted while reports were lost. Numbers of the moment are the newest.
  var collector = CollectorCounts()

  /// How long reports may find no collector before it counts, where it has taken others before: it is restarted within that time.
  private static let grace = 8.0
  /// The time within which lost reports count although others arrive, in seconds.
  private static let memory = 60.0
  /// How many samples with both kinds of reports in a row are no single stretch.
  private static let mixedSamples = 3
  /// How many stretches of connections that fail within that time are no restarts.
  private static let stretchesAtLeast = 3

  private struct Part {
    var sample: EvidenceHistory.Sample
    var collector: CollectorCounts
    var sent: Int
    var lost: Int
    var isFailing: Bool { sent == 0 && (lost > 0 || collector.retries > 0) }
  }

  /// Judges the reports of a proxy.
  ///
  /// - Parameters:
  ///   - name: the name of the collector's cluster in statistics; with `nil`, all clusters of collectors count.
  ///   - change: when the policy or the backend changed. What became of reports before is no matter of the collector of now.
  init(_ history: EvidenceHistory, collector name: String?, since change: Timestamp? = nil, now: Timestamp) {
    let newest = history.newest
    let samples = history.ownSamples(after: change).filter { sample in change.map { sample.begin >= $0 } ?? true }
    let parts = samples.compactMap { sample -> Part? in
      let collector = Self.counts(of: name, in: sample.change)
      let tracer = sample.change.tracer
      guard tracer.reportsSent > 0 || tracer.lost > 0 || collector.retries > 0 else { return nil }
      return Part(sample: sample, collector: collector, sent: tracer.reportsSent, lost: tracer.lost)
    }
    outcome = .none
    let gauges = Self.counts(of: name, in: newest)
    guard let last = parts.last else {
      // The first message of a proxy is no sample. It tells what has happened since the Envoy started.
      let isOfNow = change.map { history.epochBegin >= $0 } ?? true
      guard isOfNow, samples.isEmpty, newest.tracer.reportsSent == 0, newest.tracer.lost > 0 else {
        collector.endpoints = gauges.endpoints
        return
      }
      outcome = .failing
      (lost, tracer, collector) = (newest.tracer.lost, newest.tracer, gauges)
      return
    }
    lastSent = parts.last { $0.sent > 0 }?.sample.time
    let run = parts.suffix(parts.reversed().prefix(while: \.isFailing).count)
    if last.isFailing {
      add(run)
      outcome = .failing
      let isKnown = gauges.answers.contains { Self.accepted(newest.tracer.kind).contains($0.key) && $0.value > 0 }
      let isShort = lost <= 1 || now.secondsSince(last.sample.time) < Self.grace
      if isKnown, run.count == 1, collector.hasConnectionFaults, isShort {
        outcome = .working
      }
    } else {
      let recent = parts.filter { now.secondsSince($0.sample.time) <= Self.memory }
      add(recent.filter { $0.lost > 0 })
      sent = recent.reduce(0) { $0 &+ $1.sent }
      outcome = Self.isIntermittent(recent, newest.tracer.kind) ? .intermittent : .working
    }
    (collector.endpoints, collector.healthyEndpoints) = (gauges.endpoints, gauges.healthyEndpoints)
  }

  private mutating func add(_ parts: some Collection<Part>) {
    since = parts.first?.sample.begin
    for part in parts {
      lost &+= part.lost
      collector.add(part.collector)
      let change = part.sample.change.tracer
      tracer.kind = change.kind ?? tracer.kind
      tracer.spansSent &+= change.spansSent
      tracer.reportsDropped &+= change.reportsDropped
      tracer.reportsFailed &+= change.reportsFailed
      tracer.reportsSkipped &+= change.reportsSkipped
    }
  }

  private static func counts(of name: String?, in evidence: EnvoyEvidence) -> CollectorCounts {
    if let name { return evidence.collectors[name] ?? CollectorCounts() }
    return evidence.collectors.values.reduce(into: CollectorCounts()) { sum, counts in
      sum.add(counts)
      sum.endpoints &+= counts.endpoints
      sum.healthyEndpoints &+= counts.healthyEndpoints
    }
  }

  /// Whether reports are lost among others again and again, or by an answer, which no restart explains.
  private static func isIntermittent(_ parts: [Part], _ kind: TracerCounts.Kind?) -> Bool {
    var (stretches, mixed, isInside) = (0, 0, false)
    for part in parts {
      guard part.lost > 0 else {
        (mixed, isInside) = (0, false)
        continue
      }
      if !part.collector.hasConnectionFaults, part.collector.refusal(than: accepted(kind)) != nil { return true }
      if !isInside { stretches += 1 }
      mixed = part.sent > 0 ? mixed + 1 : 0
      isInside = true
      if stretches >= stretchesAtLeast || mixed >= mixedSamples { return true }
    }
    return false
  }
}

extension EvidenceHistory {
  /// The parts of the past that the Envoy that runs now has counted alone. Of those of an earlier one, counters that the newer one has
  /// not used are no longer known.
  func ownSamples(after time: Timestamp? = nil) -> [Sample] {
    let begin = epochBegin
    return samples(after: time.map { max($0, begin) } ?? begin).filter { $0.begin >= begin }
  }
}

extension Delivery {
  /// The statuses by which a tracer knows that a report was taken. Seen with Envoy 1.40.
  static func accepted(_ kind: TracerCounts.Kind?) -> Set<UInt16> { kind == .datadog ? [200] : [202] }

  /// The status with which the collector answered the reports that were lost; `nil` where it did not answer.
  var refusal: UInt16? { collector.refusal(than: Self.accepted(tracer.kind)) }
}

extension CollectorCounts {
  /// The most frequent status other than some, of those that a collector answered itself. Envoy counts 503 and 504 for what it could
  /// not send or got no answer to.
  func refusal(than accepted: Set<UInt16>) -> UInt16? {
    let own: Set<UInt16> = [503, 504]
    let others = answers.filter { !accepted.contains($0.key) && $0.value > 0 }
    let certain = others.filter { !own.contains($0.key) }
    if let most = certain.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) { return most.key }
    guard !hasConnectionFaults, requests > 0 || retries > 0 else { return nil }
    return others.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }

  /// Whether a connection was not made, ended early, or was silent for too long.
  var hasConnectionFaults: Bool {
    connectFailures > 0 || connectTimeouts > 0 || requestTimeouts > 0 || resets > 0 || overflows > 0
  }
}
