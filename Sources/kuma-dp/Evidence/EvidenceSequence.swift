import ProxyEvidence

/// Decides what of an Envoy's statistics is told, and when. A value: the caller passes the time, since any start.
///
/// The control plane knows what it has acknowledged. A message has what is different since then, so that one without an answer may
/// have arrived or not.
struct EvidenceSequence: Sendable {
  /// What is to be sent.
  struct Message: Sendable, Equatable {
    /// The number of the message.
    var sequence: Int
    /// Whether it has all statistics.
    var isWhole: Bool
    /// The statistics.
    var values: [Statistic: Int]
    /// A time after which Envoy counted the newest report of spans that was answered as it should be; `nil` if it has counted none.
    var answered: Duration? = nil
  }

  /// What becomes of a message.
  enum Answer: Sendable, Equatable {
    /// The control plane has it.
    case kept
    /// The control plane has it, and waits for what comes next.
    case awaited
    /// The control plane does not know what came before.
    case wholeWanted
    /// There is no answer, or another one.
    case failed
  }

  private let pace: EvidencePace
  /// What the control plane has; `nil` if it has nothing, or nobody knows what.
  private var known: [Statistic: Int]?
  private var last: (message: Message, time: Duration)?
  /// When the messages began that come one after the other, without a pause.
  private var begin: Duration?
  private var sequence = 1
  /// Whether the control plane has the last message.
  private var isAcknowledged = false
  /// Whether the control plane may be another one than that of the last message, or one that knows nothing.
  private var isDue = false
  /// Whether the control plane waits for the next message.
  private var isAwaited = false
  /// How many answered reports Envoy had counted when it was asked last.
  private var reading: (reports: Int, time: Duration)?
  /// A time after which it counted the newest of them.
  private var answered: Duration?

  init(_ pace: EvidencePace) { self.pace = pace }

  /// The message that is to be sent now; `nil` for none.
  ///
  /// - Parameters:
  ///   - values: all statistics that Envoy has used.
  ///   - now: when it was asked for them.
  mutating func message(_ values: [Statistic: Int], at now: Duration) -> Message? {
    note(values, at: now)
    let elapsed = last.map { now - $0.time } ?? pace.signOfLife
    guard var message = message(values, elapsed, at: now) else { return nil }
    message.answered = answered
    if begin == nil || elapsed > pace.beginning { begin = now }
    last = (message, now)
    (isDue, isAcknowledged, isAwaited) = (false, false, false)
    return message
  }

  /// Notes how many reports were answered.
  private mutating func note(_ values: [Statistic: Int], at now: Duration) {
    let reports = values.reduce(0) { $1.key.counter == .reportsSent ? $0 &+ $1.value : $0 }
    if let reading, reports > reading.reports { answered = reading.time }
    reading = (reports, now)
  }

  private func message(_ values: [Statistic: Int], _ elapsed: Duration, at now: Duration) -> Message? {
    guard let known else {
      return elapsed >= pace.failure ? Message(sequence: sequence, isWhole: true, values: values) : nil
    }
    let changes = values.filter { known[$0.key] != $0.value }
    // Statistics go with their listener or cluster.
    let isWhole = known.keys.contains { values[$0] == nil }
    let isDue =
      self.isDue && elapsed >= pace.failure || elapsed >= pace.signOfLife || isWhole && elapsed >= pace.message
      || changes.keys.contains { isNews($0, known) && elapsed >= wait(for: $0, at: now) }
    guard isDue else { return nil }
    return Message(sequence: sequence, isWhole: isWhole, values: isWhole ? values : changes)
  }

  /// How long after the last message one may say that a statistic has changed.
  private func wait(for statistic: Statistic, at now: Duration) -> Duration {
    let usual = usualWait(for: statistic, at: now)
    return isAwaited ? min(usual, pace.awaited) : usual
  }

  private func usualWait(for statistic: Statistic, at now: Duration) -> Duration {
    let goesOn = isAcknowledged && last?.message.isWhole == false && last?.message.values[statistic] != nil
    if statistic.counter.isFailure { return goesOn ? pace.message : pace.failure }
    let isBeginning = begin.map { now - $0 < pace.beginning } ?? true
    return goesOn && !isBeginning ? pace.steady : pace.message
  }

  /// That there are health checks is news once.
  private func isNews(_ statistic: Statistic, _ known: [Statistic: Int]) -> Bool {
    statistic.counter.isNews || statistic.counter == .probes && (known[statistic] ?? 0) == 0
  }

  /// Notes that Envoy has connected to the control plane again, which may have started anew.
  mutating func noteConnection() { isDue = true }

  /// Takes the answer to the last message.
  mutating func take(_ answer: Answer) {
    guard let (message, _) = last else { return }
    switch answer {
    case .failed: break
    case .wholeWanted:
      known = nil
      last = nil
    case .kept, .awaited:
      known = message.isWhole ? message.values : known?.merging(message.values) { _, new in new }
      sequence += 1
      isAcknowledged = true
      isAwaited = answer == .awaited
    }
  }
}
