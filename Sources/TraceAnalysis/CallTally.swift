/// The calls of one proxy to one callee: how many of the newest ones had the same result.
///
/// If some proxies of a service continue all traces and others none, it is the version or the place of the latter that breaks them.
struct CallTally: Sendable {
  /// Calls that are no accident if all have the same result.
  static let longRun = 30

  let pair: PropagationAnalyzer.PairID
  /// Calls that continued a trace, and calls during a request that began one.
  private(set) var continued = 0
  private(set) var started = 0
  /// The newest calls with the same result, and the start of the first of them in microseconds since 1970.
  private(set) var run = 0
  private(set) var runSince: Int64 = 0
  /// Whether the run continued its traces.
  private(set) var isContinuing = false
  /// Calls since the run began that began traces during no request.
  private(set) var unattributed = 0
  /// The starts of the newest call that continued a trace, and of the newest one during a request that did not.
  private(set) var lastContinued: Int64 = 0
  private(set) var lastStarted: Int64 = 0

  /// The newest examined calls that were all fine, or all not.
  private(set) var examinedRun = 0
  private(set) var isFine = true

  /// Examined calls that are no accident if all have the same result.
  static let longExaminedRun = 8

  init(pair: PropagationAnalyzer.PairID) { self.pair = pair }

  /// The start of the newest call, in microseconds since 1970.
  var last: Int64 { max(lastContinued, lastStarted) }

  /// Whether nearly all of its calls now begin traces, all during requests.
  var breaks: Bool { !isContinuing && run >= Self.longRun && unattributed * 10 <= run }

  /// Whether all of its calls now continue traces.
  var forwards: Bool { isContinuing && run >= Self.longRun && unattributed * 10 <= run }

  mutating func noteContinued(at start: Int64) {
    continued += 1
    lastContinued = max(lastContinued, start)
    note(at: start, isContinued: true)
  }

  /// - Parameter isAttributed: whether a request was in flight.
  mutating func noteStarted(at start: Int64, isAttributed: Bool) {
    guard isAttributed else {
      if start >= runSince { unattributed += 1 }
      return
    }
    started += 1
    lastStarted = max(lastStarted, start)
    note(at: start, isContinued: false)
  }

  /// Examined calls come nearly in order.
  mutating func noteExamined(at start: Int64, isFine: Bool) {
    examinedRun = isFine == self.isFine ? examinedRun + 1 : 1
    self.isFine = isFine
  }

  /// Calls that began traces are judged later than others are noted, so calls come in any order.
  private mutating func note(at start: Int64, isContinued: Bool) {
    if isContinued == isContinuing, run > 0 {
      run += 1
      runSince = min(runSince, max(start, (isContinued ? lastStarted : lastContinued) + 1))
    } else if run == 0 || start >= (isContinuing ? lastContinued : lastStarted) {
      run = 1
      unattributed = 0
      runSince = start
      isContinuing = isContinued
    } else if start >= runSince {
      // Calls of the run before this one are of an earlier run.
      run = 1
      runSince = isContinuing ? lastContinued : lastStarted
    }
  }
}

extension PropagationAnalyzer {
  private static let talliesPerProxy = 16

  mutating func tally(_ pair: PairID, _ instance: Int, _ change: (inout CallTally) -> Void) {
    if let index = instances[instance].tallies.firstIndex(where: { $0.pair == pair }) {
      change(&instances[instance].tallies[index])
      return
    }
    if instances[instance].tallies.count >= Self.talliesPerProxy {
      let pairs = pairs
      instances[instance].tallies.removeAll { pairs[$0.pair.slot].number != $0.pair.number }
    }
    guard instances[instance].tallies.count < Self.talliesPerProxy else { return }
    var tally = CallTally(pair: pair)
    change(&tally)
    instances[instance].tallies.append(tally)
  }

  /// The calls of a proxy to a callee, for comparisons between the proxies of a service.
  struct ProxyTally: Sendable {
    let node: String
    let tally: CallTally
    /// Calls for each received request.
    let callsPerRequest: Double
  }

  /// The tallies of the proxies of a service for a callee. Proxies that made no call for some time before the newest call are left
  /// out.
  func tallies(of pair: Int) -> [ProxyTally] {
    let id = PairID(slot: pair, number: pairs[pair].number)
    var found: [ProxyTally] = []
    for index in proxiesByService[pairs[pair].service] ?? [] {
      guard let proxy = instances[index].proxy, let tally = instances[index].tallies.first(where: { $0.pair == id })
      else {
        continue
      }
      let calls = Double(tally.continued + tally.started)
      found.append(
        ProxyTally(node: proxy.node, tally: tally, callsPerRequest: calls / Double(max(instances[index].received, 1))))
    }
    let newest = found.map(\.tally.last).max() ?? 0
    return found.filter { $0.tally.last >= newest - Self.idleTime }
  }

  /// In microseconds.
  private static let idleTime: Int64 = 120_000_000

  /// Lists the proxies of each service. Reports are about a copy that does not change any more.
  mutating func listProxies() {
    proxiesByService = Dictionary(grouping: instanceSlots.taken) { instances[$0].service }
  }
}
