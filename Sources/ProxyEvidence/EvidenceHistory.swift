package import Documents

/// The newest evidence of a proxy, and what it counted in the last ten minutes. All times are those of the control plane's clock.
///
/// A proxy that counts nothing sends a sign of life every five minutes; whatever it counts, it tells within seconds. So evidence that is
/// older than ``freshness`` says nothing of now.
package struct EvidenceHistory: Sendable, Hashable {
  /// How evidence comes to the control plane.
  package enum Source: String, Sendable, Hashable {
    /// The proxy's `kuma-dp` reads it and sends it.
    case kumaDp = "kuma-dp"
    /// Envoy sends it by its metrics service.
    case metricsService = "metrics service"
  }

  /// The age up to which evidence is that of now: the interval of signs of life, and the time for some that fail.
  package static let freshness = Duration.seconds(330)
  /// Ages of answers beyond are of no use, nor can they be computed with.
  private static let answerAgeAtMost = Duration.seconds(86_400)

  /// How the evidence came.
  package let source: Source
  /// The process of Envoy that counted: another text for each.
  package private(set) var epoch = ""
  /// Envoy's version as it said it; empty if it did not.
  package private(set) var envoyVersion = ""
  /// When the newest message came.
  package var time: Timestamp { Self.timestamp(newestTime) }
  /// When the first message came. What was counted before is not in ``samples()``.
  package var begin: Timestamp { Self.timestamp(firstTime) }
  /// When the Envoy that counts now was first heard of.
  package var epochBegin: Timestamp { Self.timestamp(epochTime) }
  /// By how much the clock of the proxy's machine was ahead when the newest message came, with the time that it took to come;
  /// `nil` if no message had a time.
  package private(set) var clockOffset: Duration?
  /// A time after which Envoy counted the newest report of spans that was answered as it should be; `nil` if it has counted none since
  /// it was first heard of.
  package var answered: Timestamp? { answeredTime.map(Self.timestamp) }
  /// How many statistics are not kept because there are too many.
  package private(set) var omitted = 0

  private var newestTime: Int64
  private var firstTime: Int64
  private var epochTime: Int64
  private var answeredTime: Int64?
  private var scopes: [String] = []
  private var keys: [Key] = []
  private var values: [Int] = []
  private var samples = EvidenceSamples()

  private struct Key: Sendable, Hashable {
    var scope: UInt16
    var counter: Statistic.Counter
  }

  /// Begins a history without evidence.
  package init(source: Source, at time: Timestamp) {
    self.source = source
    newestTime = Self.milliseconds(time)
    firstTime = newestTime
    epochTime = newestTime
  }

  // MARK: What is asked

  /// What the Envoy has counted since it started.
  package var newest: EnvoyEvidence { evidence(values.indices.lazy.map { ($0, values[$0]) }) }

  /// How long ago the newest message came.
  package func age(at now: Timestamp) -> Duration {
    .milliseconds(max(0, Self.milliseconds(now) - newestTime))
  }

  /// Whether the evidence is that of now.
  package func isFresh(at now: Timestamp) -> Bool { age(at: now) <= Self.freshness }

  /// What was counted within a span of time: in all samples that end within it. Numbers of the moment are the newest.
  package func change(over span: Duration, at now: Timestamp) -> EnvoyEvidence {
    change(after: Self.milliseconds(now) &- Self.milliseconds(span))
  }

  /// What was counted in all samples that end after a time.
  package func change(since time: Timestamp) -> EnvoyEvidence { change(after: Self.milliseconds(time)) }

  private func change(after time: Int64) -> EnvoyEvidence {
    var sums = keys.indices.map { keys[$0].counter.isGauge ? values[$0] : 0 }
    samples.forEach(after: time) { _, rises in
      for (index, rise) in rises where sums.indices.contains(index) {
        sums[index] = EvidenceLimits.sum(sums[index], rise)
      }
    }
    return evidence(sums.indices.lazy.map { ($0, sums[$0]) })
  }

  /// One part of the past.
  package struct Sample: Sendable, Hashable {
    /// Since when it was counted, at the earliest.
    package var begin: Timestamp
    /// When it was known.
    package var time: Timestamp
    /// What was counted; numbers of the moment are 0.
    package var change: EnvoyEvidence
  }

  /// The parts of the past in which anything was counted, the oldest first.
  ///
  /// - Parameter time: only those that end after it.
  package func samples(after time: Timestamp? = nil) -> [Sample] {
    var result: [Sample] = []
    samples.forEach(after: time.map(Self.milliseconds) ?? .min) { head, rises in
      result.append(
        Sample(
          begin: Self.timestamp(head.time - Int64(head.span)), time: Self.timestamp(head.time),
          change: evidence(rises.lazy.map { ($0.index, $0.rise) })))
    }
    return result
  }

  private func evidence(_ numbers: some Sequence<(Int, Int)>) -> EnvoyEvidence {
    EnvoyEvidence(
      numbers.lazy.map { index, value in
        (key: Statistic(scopes[Int(keys[index].scope)], keys[index].counter), value: value)
      })
  }

  // MARK: What arrives

  /// Takes what a message says.
  ///
  /// - Parameters:
  ///   - values: the statistics that changed, or all.
  ///   - isWhole: whether those that are not there are 0.
  ///   - epoch: the process of Envoy.
  ///   - isFirstOfEpoch: whether another process than before has counted all of its values since the last message. If not, it is
  ///     one of several with the same name, and nobody knows what it counted since when.
  ///   - sent: when the message was sent, by the clock of the proxy's machine.
  ///   - answerAge: how long before it was sent, at most, Envoy counted the newest report that was answered; `nil` if only the
  ///     values tell.
  ///   - time: when it came. A clock that is set back counts as one that stands still.
  package mutating func record(
    _ values: [Statistic: Int], isWhole: Bool, epoch: String, isFirstOfEpoch: Bool = true,
    envoyVersion: String = "", sent: Timestamp? = nil, answerAge: Duration? = nil, at time: Timestamp
  ) {
    let now = max(Self.milliseconds(time), newestTime)
    let isOther = self.epoch != epoch
    let isFirst = self.epoch.isEmpty || isOther && !isFirstOfEpoch
    let isNewEpoch = isOther && !isFirst
    if isOther { epochTime = now }
    self.epoch = epoch
    if !envoyVersion.isEmpty { self.envoyVersion = envoyVersion }
    clockOffset = Self.offset(of: sent, at: time)
    // What was left out before may come now, with all that it has counted since the start.
    let isComplete = omitted == 0
    if isWhole { keep(values) }
    var rises: [EvidenceSamples.Rise] = []
    for (statistic, value) in values.sorted(by: Self.isBefore) {
      let value = min(max(value, 0), EvidenceLimits.value)
      guard let (index, isNew) = index(of: statistic) else { continue }
      let before = isNew || isNewEpoch ? 0 : self.values[index]
      self.values[index] = value
      guard !isFirst, !statistic.counter.isGauge, value != before, !isNew || isComplete else { continue }
      // A counter that went back was set to 0 between.
      rises.append((index: index, rise: value > before ? value - before : value))
    }
    if isOther { answeredTime = nil }
    if let answerAge, answerAge <= Self.answerAgeAtMost {
      answeredTime = max(answeredTime ?? .min, now &- Self.milliseconds(answerAge))
    } else if !isOther, rises.contains(where: { keys[$0.index].counter == .reportsSent && $0.rise > 0 }) {
      answeredTime = newestTime
    }
    samples.append(rises.filter { $0.rise > 0 }.sorted { $0.index < $1.index }, from: newestTime, at: now)
    newestTime = now
  }

  /// Notes a message of a proxy that has counted nothing new.
  package mutating func recordSignOfLife(sent: Timestamp? = nil, at time: Timestamp) {
    newestTime = max(newestTime, Self.milliseconds(time))
    clockOffset = Self.offset(of: sent, at: time) ?? clockOffset
  }

  private static func offset(of sent: Timestamp?, at time: Timestamp) -> Duration? {
    sent.map { .milliseconds(milliseconds($0) &- milliseconds(time)) }
  }

  /// The memory that it takes beside the value itself, in bytes, without what allocators add.
  package var size: Int {
    keys.count * MemoryLayout<Key>.stride + values.count * MemoryLayout<Int>.stride + samples.size
      + scopes.reduce(0) { $0 + Self.size(ofScope: $1) }
  }

  private static func size(ofScope scope: String) -> Int {
    MemoryLayout<String>.stride + (scope.utf8.count > 15 ? 32 + scope.utf8.count : 0)
  }

  /// Listeners, tracers and collectors first, so that they are kept where there is too much.
  private static func isBefore(_ a: (key: Statistic, value: Int), _ b: (key: Statistic, value: Int)) -> Bool {
    let (first, second) = (a.key.counter, b.key.counter)
    return (first.rank, a.key.scope, first.rawValue) < (second.rank, b.key.scope, second.rawValue)
  }

  /// The number of a statistic, which is a new one if there is place for it.
  private mutating func index(of statistic: Statistic) -> (index: Int, isNew: Bool)? {
    let known = scopes.firstIndex(of: statistic.scope)
    if let known, let index = keys.firstIndex(of: Key(scope: UInt16(known), counter: statistic.counter)) {
      return (index, false)
    }
    let answers = keys.count { $0.counter.status != nil && Int($0.scope) == known }
    let isBeyond =
      keys.count >= EvidenceLimits.statistics
      || statistic.counter.status != nil && answers >= EvidenceLimits.answers
      || known == nil
        && scopes.reduce(0, { $0 + Self.size(ofScope: $1) }) + Self.size(ofScope: statistic.scope)
          > EvidenceLimits.scopeBytes
    guard !isBeyond else {
      omitted += 1
      return nil
    }
    if known == nil { scopes.append(statistic.scope) }
    keys.append(Key(scope: UInt16(known ?? scopes.count - 1), counter: statistic.counter))
    values.append(0)
    return (keys.count - 1, true)
  }

  /// Forgets statistics that are not among those of a whole message.
  private mutating func keep(_ all: [Statistic: Int]) {
    omitted = 0
    let kept = keys.indices.filter { all[Statistic(scopes[Int(keys[$0].scope)], keys[$0].counter)] != nil }
    guard kept.count < keys.count else { return }
    var numbers: [Int?] = Array(repeating: nil, count: keys.count)
    for (new, old) in kept.enumerated() { numbers[old] = new }
    let (oldScopes, oldKeys) = (scopes, keys)
    values = kept.map { values[$0] }
    scopes = []
    keys = kept.map { old in
      let scope = oldScopes[Int(oldKeys[old].scope)]
      if scopes.firstIndex(of: scope) == nil { scopes.append(scope) }
      return Key(scope: UInt16(scopes.firstIndex(of: scope) ?? 0), counter: oldKeys[old].counter)
    }
    samples.renumber(numbers)
  }

  private static func milliseconds(_ time: Timestamp) -> Int64 {
    time.nanosecondsSince1970 / 1_000_000
  }

  private static func milliseconds(_ span: Duration) -> Int64 {
    let (seconds, attoseconds) = span.components
    let length = seconds.multipliedReportingOverflow(by: 1_000)
    return length.overflow ? Int64.max / 2 : length.partialValue &+ attoseconds / 1_000_000_000_000_000
  }

  private static func timestamp(_ milliseconds: Int64) -> Timestamp {
    Timestamp(nanosecondsSince1970: milliseconds.multipliedReportingOverflow(by: 1_000_000).partialValue)
  }
}
