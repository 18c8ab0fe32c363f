#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The newest calls from one service to another that were made for requests, and which of them continued their traces.
///
/// The state of an hour ago is out of date if the service was fixed or broken since. So the newest calls decide the verdict, and
/// the hour decides only whether there is evidence.
struct RecentCalls: Sendable {
  /// A summary of the newest calls.
  struct Outcome: Sendable, Equatable {
    /// Calls that continued a trace.
    var continued = 0
    /// Calls that began a trace instead.
    var started = 0
    /// The length of the run of newest calls with the same result.
    var run = 0
    /// Whether the run continued its traces.
    var runContinues = false

    /// The number of calls.
    var count: Int { continued + started }
    /// The length of the run of newest calls that began traces.
    var startedRun: Int { runContinues ? 0 : run }
    /// The length of the run of newest calls that continued traces.
    var continuedRun: Int { runContinues ? run : 0 }
  }

  /// How many calls are kept, and how many of them are examined.
  private static let kept = 256
  private static let looked = 100

  /// The starts in microseconds, sorted. The lowest bit is set if the call continued its trace.
  private(set) var calls: [Int64] = []

  /// Adds a call, in any order. The time must be a possible time of day.
  mutating func note(at start: Int64, isContinued: Bool) {
    let call = start << 1 | (isContinued ? 1 : 0)
    calls.insert(call, keepingGreatest: Self.kept)
  }

  /// The calls in a period, in microseconds since 1970. Calls that began traces are included only if attributed to requests.
  func calls(from: Int64, to: Int64, withStarted: Bool) -> [Int64] {
    calls.filter { $0 >> 1 >= from && $0 >> 1 <= to && (withStarted || $0 & 1 == 1) }
  }

  /// Summarizes the newest of some calls, which may have several callees.
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
  /// A run of this length is not an accident.
  private static let longRun = 20
  private static let fewestCalls = 10
  /// The natural logarithm of the probability below which a run is not an accident.
  private static let logarithmOfAccident = -9.2

  /// Whether nearly all calls begin traces now.
  ///
  /// - Parameters:
  ///   - continued: continued calls in the whole period, for when there are few new ones.
  ///   - started: calls in the whole period that began traces.
  func breaks(continued: Int, started: Int) -> Bool {
    if count < Self.fewestCalls { return continued * 20 < continued + started }
    return startedRun >= Self.longRun || self.continued * 20 < count
  }

  /// Whether so many of the newest calls continued their traces that the service must have been fixed.
  ///
  /// - Parameters:
  ///   - continued: continued calls in the whole period, including the newest.
  ///   - started: calls in the whole period that began traces.
  func isFixed(continued: Int, started: Int) -> Bool {
    guard continuedRun >= Self.longRun else { return false }
    let before = max(0, continued - continuedRun)
    // The probability of the run if calls still began traces at the earlier rate.
    let share = Double(before) / Double(max(before + started, 1))
    return share <= 0 || Double(continuedRun) * log(share) < Self.logarithmOfAccident
  }
}
