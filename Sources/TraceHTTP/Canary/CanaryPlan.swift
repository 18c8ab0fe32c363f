/// When the canary sends its traces, looks for them, and gives up: a value that takes events and returns steps.
///
/// Times are durations since any moment, from a clock that never jumps.
package struct CanaryPlan: Sendable {
  /// What is to be done next.
  package enum Step: Sendable, Hashable {
    /// Nothing until a time.
    case wait(until: Duration)
    /// Make a trace, send it, and tell the plan by ``sent(_:at:)``.
    case send
    /// Ask for the trace, and tell the plan by ``asked(_:at:)``.
    case ask
  }

  /// What the collector says of the sent trace.
  package enum Reception: Sendable, Hashable {
    /// It has stored it.
    case stored
    /// It has not, or has not answered; the text says why.
    case refused(String)
  }

  /// What a query for the trace has found.
  package enum Finding: Sendable, Hashable {
    /// The trace, with every span as it was sent.
    case found
    /// Traces, and not this one.
    case absent
    /// Nothing, because it was not answered; the text says why.
    case failed(String)
  }

  /// What became of a trace.
  package enum Outcome: Sendable, Hashable {
    /// It was found, so long after it was sent.
    case found(after: Duration)
    /// The collector stored it, and queries did not find it; the text says more.
    case lost(String)
    /// The collector did not store it; the text says why.
    case refused(String)
  }

  private enum State: Sendable {
    case idle(until: Duration)
    case sending(since: Duration)
    case searching(since: Duration, next: Duration, pause: Duration)
  }

  /// How long the first trace waits after the start, or an interval if that is shorter.
  package static let firstWait = Duration.seconds(5)
  /// How long a stored trace is looked for, or an interval if that is shorter.
  package static let patience = Duration.seconds(10)
  /// The pause after the first query that has not found it. It doubles with each further one, up to the longest.
  package static let firstPause = Duration.milliseconds(50)
  /// See ``firstPause``.
  package static let longestPause = Duration.seconds(1)

  private let interval: Duration
  private var state: State
  /// Why the last query was not answered.
  private var failure: String?

  /// Makes a plan.
  ///
  /// - Parameters:
  ///   - interval: from the sending of one trace to that of the next.
  ///   - now: the time at which the collector listens.
  package init(interval: Duration, at now: Duration) {
    self.interval = interval
    state = .idle(until: now + min(interval, Self.firstWait))
  }

  /// What is to be done at a time.
  package mutating func next(at now: Duration) -> Step {
    switch state {
    case .idle(let time) where now < time: return .wait(until: time)
    case .idle:
      state = .sending(since: now)
      return .send
    case .sending: return .send
    case .searching(_, let time, _): return now < time ? .wait(until: time) : .ask
    }
  }

  /// Takes what the collector says of the sent trace.
  package mutating func sent(_ reception: Reception, at now: Duration) -> Outcome? {
    guard case .sending(let begin) = state else { return nil }
    switch reception {
    case .stored:
      failure = nil
      state = .searching(since: begin, next: now, pause: Self.firstPause)
      return nil
    case .refused(let reason): return end(.refused(reason), begun: begin, at: now)
    }
  }

  /// Takes what a query has found.
  package mutating func asked(_ finding: Finding, at now: Duration) -> Outcome? {
    guard case .searching(let begin, _, let pause) = state else { return nil }
    switch finding {
    case .found: return end(.found(after: now - begin), begun: begin, at: now)
    case .absent: failure = nil
    case .failed(let reason): failure = reason
    }
    let limit = begin + min(interval, Self.patience)
    if now >= limit {
      let reason = failure.map { "it was stored, and queries are not answered: \($0)" }
      return end(.lost(reason ?? "it was stored, and no query finds it"), begun: begin, at: now)
    }
    // The last query comes at the end of the time.
    state = .searching(since: begin, next: min(now + pause, limit), pause: min(pause * 2, Self.longestPause))
    return nil
  }

  /// A trace that took long delays the next one, and the ones between are left out.
  private mutating func end(_ outcome: Outcome, begun: Duration, at now: Duration) -> Outcome {
    state = .idle(until: max(begun + interval, now))
    return outcome
  }
}
