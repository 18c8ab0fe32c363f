import MeshModel
import MeshPolicy
import ProxyEvidence

/// Compares what Envoy counted with what the collector stored, listener by listener.
///
/// All that Envoy chose to trace until some seconds ago has to be stored now. How many seconds follows from how long spans wait in
/// Envoy, so neither large reports nor slow ones are taken for loss.
struct ReceiptBook {
  private let input: DiagnosisInput
  private let memory: DiagnosisMemory
  private let groups: [ListenerGroup]
  private let history: EvidenceHistory?
  private let newest: EnvoyEvidence
  /// What was counted too late to have arrived, by group.
  private var underWay: [Int] = []

  /// The probability that a right number is outside of the range, on either side: 99.9 % are within.
  private static let outside = 0.0005
  /// How long a report may take from Envoy to the store, in seconds.
  private static let transport = 3.0
  /// How long Envoy tries to send a report again where it does so, in seconds. Source: `SpanReporting`.
  private static let repeating = 15.0
  /// How long a proxy takes to tell of the next requests, in seconds.
  private static let beginning = 10.0
  /// The time that states are about at least, in seconds, so that what is mended is right again soon.
  private static let newestPeriod = 60.0

  /// - Parameters:
  ///   - history: what Envoy has counted, if it is known and of now.
  ///   - newest: what it has counted since it started.
  init(
    _ input: DiagnosisInput, _ memory: DiagnosisMemory, _ groups: [ListenerGroup], _ history: EvidenceHistory?,
    newest: EnvoyEvidence
  ) {
    (self.input, self.memory, self.groups) = (input, memory, groups)
    (self.history, self.newest) = (history, newest)
    guard let history else { return }
    let latest = history.samples(after: time(before: input.now, seconds: Self.repeating))
    let isRepeating = latest.contains { sample in sample.change.collectors.values.contains { $0.retries > 0 } }
    let wait = Examination.interval(of: input) + (isRepeating ? Self.repeating : Self.transport)
    underWay = groups.map { group in
      latest.reduce(0) { sum, sample in
        input.now.secondsSince(sample.time) < wait
          ? sum &+ (sample.change.listeners[group.statistics]?.decided ?? 0) : sum
      }
    }
  }

  private func time(before time: Timestamp, seconds: Double) -> Timestamp {
    Timestamp(nanosecondsSince1970: time.nanosecondsSince1970 &- Int64(seconds * 1e9))
  }

  var receipts: [Receipt] { groups.indices.map(receipt) }

  private func receipt(_ index: Int) -> Receipt {
    let group = groups[index]
    var receipt = Receipt(
      listener: group.place, direction: group.listener.direction, service: group.listener.service, state: .idle)
    if let obstacle = group.listener.obstacle {
      receipt.state = .unknown(obstacle)
      return receipt
    }
    guard let history, let counts = newest.listeners[group.statistics] else {
      if history == nil { receipt.state = .unknown(input.evidenceObstacle ?? "nobody tells what Envoy has counted") }
      return receipt
    }
    guard input.explanation.resolution?.backend != nil else {
      receipt.state = .unknown("the proxy is not traced")
      return receipt
    }
    (receipt.requests, receipt.expected) = (counts.requests, Double(counts.decided))
    receipt.since = history.epochBegin
    guard case .own = input.receiver else {
      receipt.state = counts.requests == 0 ? .idle : .unknown("spans go to another collector")
      return receipt
    }
    guard let received = input.received else {
      receipt.state = .unknown("the collector does not say what it has received")
      return receipt
    }
    if let offset = received.clockOffset { (receipt.lag, receipt.clockOffset) = (max(0, offset), -offset) }
    let bases = memory.bases.filter { $0.counted != nil }
    guard memory.names == groups.map(\.statistics), let oldest = bases.first else {
      receipt.state = counts.requests == 0 ? .idle : .unknown("counting has just begun")
      return receipt
    }
    compare(&receipt, index, received, oldest, state: bases.last { isOld($0) } ?? oldest)
    return receipt
  }

  private func isOld(_ base: DiagnosisMemory.Base) -> Bool {
    input.now.secondsSince(base.time) >= Self.newestPeriod
  }

  private func compare(
    _ receipt: inout Receipt, _ index: Int, _ received: ReceivedSpans, _ oldest: DiagnosisMemory.Base,
    state base: DiagnosisMemory.Base
  ) {
    let stored = groups[index].stored(of: received)
    let since = rises(index, oldest)
    let active = newest.listeners[groups[index].statistics]?.active ?? 0
    let ended = max(since.decided, since.requests - active)
    let steps = SamplingShare(input)
    let chances = Binomial(trials: ended, probability: steps.share)
    receipt.requests = since.requests
    receipt.expected = chances.mean
    // The same time as the requests: some were stored before those were counted.
    receipt.stored = max(0, stored - oldest.storedByThen[index])
    receipt.since = oldest.time
    receipt.counted = history?.time
    let range = chances.range(Self.outside)
    receipt.range = max(0, range.lowerBound - underWay[index])...range.upperBound
    guard since.requests > 0 || receipt.stored != 0 else {
      if input.now.secondsSince(oldest.time) < Self.beginning, newest.listeners[groups[index].statistics]?.requests != 0
      {
        receipt.state = .unknown("counting has just begun")
      }
      return
    }
    let lately = rises(index, base)
    let storedLately = max(0, stored - base.stored[index])
    let missing = lately.decided - underWay[index] - storedLately
    if missing <= slack(lately.decided, storedLately) {
      receipt.state = .matches
    } else if isForbidden(base) {
      receipt.state = .unknown("callers ask that requests are not traced")
    } else {
      receipt.state = storedLately == 0 ? .silent : .short
      if storedLately == 0 { receipt.since = received.lastStored.map { max($0, oldest.time) } ?? oldest.time }
    }
  }

  /// How many spans may be missing without a reason. An Envoy whose listeners change loses what waits in their tracers.
  private func slack(_ decided: Int, _ stored: Int) -> Int {
    stored == 0 ? 4 : max(2 * (input.explanation.reports?.spans ?? 5), decided / 50)
  }

  private func rises(_ index: Int, _ base: DiagnosisMemory.Base) -> DiagnosisMemory.Sums {
    let before = base.counted?[index] ?? memory.sums[index]
    let sums = memory.sums[index]
    return .init(requests: sums.requests - before.requests, decided: sums.decided - before.decided)
  }

  /// Whether Envoy has made fewer spans than it chose requests: their callers forbid it.
  private func isForbidden(_ base: DiagnosisMemory.Base) -> Bool {
    let decided = groups.indices.reduce(0) { $0 + rises($1, base).decided - underWay[$1] }
    return decided - (memory.sumOfSpansSent - base.spansSent) > slack(decided, 1)
  }
}
