/// What is known of the canary's traces: a value.
package struct CanaryRecord: Sendable {
  /// What became of the last trace.
  package enum State: String, Sendable {
    /// There is no canary.
    case off
    /// No trace is through yet.
    case waiting
    /// See ``CanaryPlan/Outcome``.
    case found, lost, refused
  }

  /// What the log should say.
  package enum Remark: Sendable, Hashable {
    /// Traces begin to get lost, or for another reason than before; the text says why.
    case failing(CanaryPlan.Outcome)
    /// They are found again.
    case recovered(failures: Int)
  }

  /// The upper bounds of the classes of delays, in seconds.
  package static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

  /// From the sending of one trace to that of the next; nil without a canary.
  package let interval: Duration?
  /// What became of the last trace.
  package private(set) var state: State
  /// Why the last trace was not found; nil if it was.
  package private(set) var reason: String?
  /// The id of the last trace that was found, which a query returns; nil if there was none.
  package private(set) var lastTrace: String?
  /// When it was found, in milliseconds since 1970; nil if there was none.
  package private(set) var lastSuccess: Int64?
  /// How long after it was sent it was found, in seconds; nil if there was none.
  package private(set) var lastDelay: Double?
  /// How many traces had each outcome.
  package private(set) var counts: [State: Int] = [.found: 0, .lost: 0, .refused: 0]
  /// How many delays are in each class of ``bounds``; the last is for longer ones.
  package private(set) var delays = [Int](repeating: 0, count: CanaryRecord.bounds.count + 1)
  /// The sum of all delays, in seconds.
  package private(set) var delaySum = 0.0
  /// How many traces in a row were not found.
  private var failures = 0

  /// Makes the record of a canary before its first trace.
  ///
  /// - Parameter interval: from the sending of one trace to that of the next; nil without a canary.
  package init(interval: Duration?) {
    self.interval = interval
    state = interval == nil ? .off : .waiting
  }

  /// Takes what became of a trace. Returns what the log should say; nil if it has said it.
  ///
  /// - Parameters:
  ///   - trace: the trace's id.
  ///   - time: the present in milliseconds since 1970.
  package mutating func add(_ outcome: CanaryPlan.Outcome, of trace: String, at time: Int64) -> Remark? {
    let (before, reasonBefore) = (state, reason)
    switch outcome {
    case .found(let delay):
      (state, reason) = (.found, nil)
      let seconds = delay / .seconds(1)
      (lastTrace, lastSuccess, lastDelay) = (trace, time, seconds)
      delays[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
      delaySum += seconds
    case .lost(let why): (state, reason) = (.lost, why)
    case .refused(let why): (state, reason) = (.refused, why)
    }
    counts[state, default: 0] += 1
    guard state != .found else {
      defer { failures = 0 }
      return failures > 0 ? .recovered(failures: failures) : nil
    }
    failures += 1
    return state != before || reason != reasonBefore ? .failing(outcome) : nil
  }
}
