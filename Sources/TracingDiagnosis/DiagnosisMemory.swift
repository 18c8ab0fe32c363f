import MeshModel
import ProxyEvidence

/// What is remembered of a proxy from one diagnosis to the next: what its counts are compared with, and since when the verdict is what
/// it is. Less than a kilobyte for a proxy with a few listeners.
package struct DiagnosisMemory: Sendable, Hashable {
  /// Sums of one listener since the memory began.
  struct Sums: Sendable, Hashable {
    var requests = 0
    var decided = 0
  }

  /// A moment from which receipts count.
  struct Base: Sendable, Hashable {
    var time: Timestamp
    /// Spans of each listener that were stored then.
    var stored: [Int]
    var storedInAll: Int
    /// Spans, or requests with spans, that were refused then.
    var refusedInAll: Int
    /// What Envoy had counted a moment later; `nil` until it is known. Spans that were stored before are counted by then.
    var counted: [Sums]?
    /// Spans of each listener that were stored when that was known.
    var storedByThen: [Int] = []
    var spansSent = 0
  }

  /// The listeners, by their prefixes of statistics.
  private(set) var names: [String] = []
  /// The Envoy whose counts are ``counts``.
  private var epoch: Timestamp?
  private var counts: [Sums] = []
  private var spansSent = 0
  private var lost = 0
  /// What was counted since the memory began.
  private(set) var sums: [Sums] = []
  private(set) var sumOfSpansSent = 0
  /// Reports that Envoys of the proxy have lost since the memory began.
  package private(set) var lostReports = 0
  /// Since when the collector has counted.
  private var receivedSince: Timestamp?
  private(set) var bases: [Base] = []
  /// Since when requests are traced as they are.
  private(set) var configuration = ConfigurationAge()
  /// The last verdict.
  private(set) var cause: Cause?
  private(set) var since: Timestamp?

  /// Nothing remembered.
  package init() {}

  /// Whether anything was noted.
  package var isBegun: Bool { configured != nil }

  /// The distance of bases, in seconds.
  private static let step = 30.0
  /// How many bases there are: receipts reach back two to five minutes.
  private static let basesAtMost = 6
  /// The greatest sum of the counters of a listener or a tracer. The sums of all listeners of a proxy are added once more.
  private static let greatestSum = EvidenceLimits.value

  /// Notes what decides how requests are traced.
  mutating func note(configuration: Int, acknowledged: Timestamp?, now: Timestamp) {
    guard self.configuration.note(configuration, acknowledged: acknowledged, now: now) else { return }
    bases.removeAll()
    (cause, since) = (nil, nil)
  }

  /// Since when requests are traced as they are; `nil` if nothing was noted.
  var configured: Timestamp? { configuration.since }

  /// Notes what Envoy and the collector have counted.
  mutating func note(_ history: EvidenceHistory, _ received: ReceivedSpans?, _ groups: [ListenerGroup], now: Timestamp)
  {
    let names = groups.map(\.statistics)
    let newest = history.newest
    configuration.note(history, newest, groups)
    let counts = groups.map { group in
      let counts = newest.listeners[group.statistics] ?? ListenerCounts()
      return Sums(requests: counts.requests, decided: counts.decided)
    }
    let tracer = newest.tracer
    if self.names != names || hasBegunAgain(received) {
      self.names = names
      receivedSince = received?.since
      sums = Array(repeating: Sums(), count: names.count)
      sumOfSpansSent = 0
      bases.removeAll()
    } else if epoch == history.epochBegin {
      for index in sums.indices {
        raise(&sums[index].requests, counts[index].requests, self.counts[index].requests)
        raise(&sums[index].decided, counts[index].decided, self.counts[index].decided)
      }
      raise(&sumOfSpansSent, tracer.spansSent, spansSent)
    } else {
      // What waited in the Envoy that ended is lost, which is nobody's fault.
      bases.removeAll()
    }
    if epoch == history.epochBegin { raise(&lostReports, tracer.lost, lost) }
    (epoch, self.counts, spansSent, lost) = (history.epochBegin, counts, tracer.spansSent, tracer.lost)
    guard let received else { return }
    let stored = groups.map { $0.stored(of: received) }
    for index in bases.indices
    where bases[index].counted == nil && history.time.secondsSince(bases[index].time) >= 1 {
      bases[index].storedByThen = stored
      (bases[index].counted, bases[index].spansSent) = (sums, sumOfSpansSent)
    }
    guard now.secondsSince(bases.last?.time ?? Timestamp(seconds: 0)) >= Self.step else { return }
    bases.append(
      Base(time: now, stored: stored, storedInAll: received.total, refusedInAll: received.refusedInAll, counted: nil))
    if bases.count > Self.basesAtMost { bases.removeFirst() }
  }

  /// Whether the collector counts anew. The time of its beginning is computed from two clocks, which differ by a little each time.
  private func hasBegunAgain(_ received: ReceivedSpans?) -> Bool {
    guard let received, let receivedSince else { return received != nil || receivedSince != nil }
    return abs(received.since.secondsSince(receivedSince)) > 1
  }

  /// Notes a verdict, and says since when it holds.
  mutating func note(_ verdict: Verdict, now: Timestamp) -> Timestamp? {
    guard cause == verdict.cause else {
      since = verdict.since ?? (cause == nil ? nil : now)
      cause = verdict.cause
      return since
    }
    if since == nil { since = verdict.since }
    return since
  }

  /// Raises a sum by what a counter has counted; one that fell was set to 0 between. Sums end far from the limits of numbers, so that
  /// whatever a proxy says, the difference of two can be counted with.
  private func raise(_ sum: inout Int, _ new: Int, _ old: Int) {
    sum = min(sum + (new >= old ? new - old : new), Self.greatestSum)
  }
}
