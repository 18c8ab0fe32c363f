#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The newest calls from a service to another that were made for requests, and which of them continued their traces.
///
/// What a service did an hour ago says little of what it does now: it may have been mended, or broken. So its last calls
/// decide what is said of it, and the hour only whether there is evidence at all.
struct RecentCalls: Sendable {
  /// How the newest calls went.
  struct Outcome: Sendable, Equatable {
    /// Calls that continued a trace, among the newest.
    var continued = 0
    /// Calls that began one in its place, among the newest.
    var started = 0
    /// How many of the newest ended alike, without one that ended otherwise between them.
    var run = 0
    /// Whether those continued their traces.
    var runContinues = false

    /// How many calls there are.
    var count: Int { continued + started }
    /// How many of the newest began traces, without one between them that continued its own.
    var startedRun: Int { runContinues ? 0 : run }
    /// How many of the newest continued their traces, without one between them that did not.
    var continuedRun: Int { runContinues ? run : 0 }
  }

  /// How many are kept, and how many of them are looked at.
  private static let kept = 256
  private static let looked = 100

  /// The starts in microseconds, in order; the lowest bit of each is set if the call continued its trace.
  private(set) var calls: [Int64] = []

  /// Notes a call, in any order. The time has to be one of day.
  mutating func note(at start: Int64, isContinued: Bool) {
    let call = start << 1 | (isContinued ? 1 : 0)
    var index = calls.count
    while index > 0, calls[index - 1] > call { index -= 1 }
    if calls.count == Self.kept {
      guard index > 0 else { return }
      calls.removeFirst()
      index -= 1
    }
    calls.insert(call, at: index)
  }

  /// The calls in a time, in microseconds since 1970; those that began traces only if they are laid to requests.
  func calls(from: Int64, to: Int64, withStarted: Bool) -> [Int64] {
    calls.filter { $0 >> 1 >= from && $0 >> 1 <= to && (withStarted || $0 & 1 == 1) }
  }

  /// How the newest of some calls went, of several callees together if need be.
  static func outcome(of calls: [Int64]) -> Outcome {
    let newest = calls.sorted().reversed()
    var outcome = Outcome()
    outcome.runContinues = newest.first.map { $0 & 1 == 1 } ?? false
    outcome.run = newest.prefix { ($0 & 1 == 1) == outcome.runContinues }.count
    outcome.continued = newest.prefix(looked).count { $0 & 1 == 1 }
    outcome.started = min(newest.count, looked) - outcome.continued
    return outcome
  }
}

extension RecentCalls.Outcome {
  /// As many calls in a row are no accident.
  private static let longRun = 20
  private static let fewestCalls = 10
  /// The natural logarithm of how improbable a run has to be for a service that still breaks traces as it did before.
  private static let logarithmOfAccident = -9.2

  /// Whether as good as all calls begin traces now.
  ///
  /// - Parameters:
  ///   - continued: calls in the whole time that continued traces, for when there are few new ones.
  ///   - started: calls in the whole time that began traces.
  func breaks(continued: Int, started: Int) -> Bool {
    if count < Self.fewestCalls { return continued * 20 < continued + started }
    return startedRun >= Self.longRun || self.continued * 20 < count
  }

  /// Whether so many of the newest calls continued their traces that the service must have been mended.
  ///
  /// - Parameters:
  ///   - continued: calls in the whole time that continued traces, the newest among them.
  ///   - started: calls in the whole time that began traces.
  func isMended(continued: Int, started: Int) -> Bool {
    guard continuedRun >= Self.longRun else { return false }
    let before = max(0, continued - continuedRun)
    // The probability of the run, had each call still begun a trace as often as one did before it.
    let share = Double(before) / Double(max(before + started, 1))
    return share <= 0 || Double(continuedRun) * log(share) < Self.logarithmOfAccident
  }
}
